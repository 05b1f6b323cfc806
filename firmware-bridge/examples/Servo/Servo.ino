// A hobby servo on pin 9, told its angle in rad; a stop switch from pin 2 to ground, closed while all
// is well (without one, leave the 2 out below). It does not say where it is, so the place that is
// observed, and held by a stop, is where it was sent last; and its first command moves it at full
// speed from wherever it was.
#include <Servo.h>
#include <Sinew.h>

static const sinew_channel channels[] = {
    {"servo_angle", "rad", -1.5f, 1.5f, 0, 0},
    {"servo_target", "rad", -1.5f, 1.5f, SINEW_STOP_CATEGORY_RAMP_AND_HOLD, 0}};
static Servo servo;
static float angle;

static void start() { angle = 0.0f; }

static bool tick(const float *applied, const bool *driven) {
  if (driven[0]) servo.writeMicroseconds(1500 + (int)(637.0f * (angle = applied[0])));
  if (driven[0] && !servo.attached()) servo.attach(9);
  if (!driven[0] && servo.attached()) servo.detach();
  return true;
}

static void observe(float *observation) { observation[0] = angle; }

static const sinew_target target = {"servo", 20000, channels, 1, 1, false, start, tick, observe};

void setup() {
  Serial.begin(115200);
  sinew_begin(target, Serial, 2);
}

void loop() { sinew_loop(); }
