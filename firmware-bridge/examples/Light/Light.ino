// A light on pin 9, as bright as a policy asks for: the least that a board of yours can be.
#include <Sinew.h>
static const sinew_channel channels[] = {
    {"light_now", "1", 0, 1, 0, 0}, {"light_level", "1", 0, 1, SINEW_STOP_CATEGORY_OFF, 0}};
static float level;
static void start() { level = 0; }
static bool tick(const float *to, const bool *driven) { return level = driven[0] * to[0], true; }
static void observe(float *observation) { observation[0] = level; }
static const sinew_target target = {"light", 20000, channels, 1, 1, false, start, tick, observe};
void setup() { Serial.begin(115200), sinew_begin(target, Serial); }
void loop() { sinew_loop(), analogWrite(9, (int)(255 * level)); }
