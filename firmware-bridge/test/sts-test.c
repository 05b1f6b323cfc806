#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "sts-bus.h"

static struct sinew_sts_bus bus;
static uint32_t now_us;
static uint8_t said[4096];
static size_t said_length;

static void listen(void) {
  uint8_t packet[SINEW_SERVO_PACKET_MAX];
  for (size_t length = sinew_sts_bus_answer(&bus, now_us, packet); length > 0;
       length = sinew_sts_bus_answer(&bus, now_us, packet)) {
    memcpy(said + said_length, packet, length);
    said_length += length;
  }
}

static void pass(uint32_t us) {
  for (const uint32_t end_us = now_us + us; now_us != end_us;) {
    const uint32_t due_us = sinew_sts_bus_run(&bus, now_us);
    now_us = (int32_t)(end_us - due_us) > 0 ? due_us : end_us;
    (void)sinew_sts_bus_run(&bus, now_us);
    listen();
  }
}

/* Sends a packet made of these bytes from the id on; the sum is added. */
static void tell(const uint8_t *body, size_t length) {
  uint8_t sum = 0;
  said_length = 0;
  sinew_sts_bus_receive(&bus, 0xff, now_us);
  sinew_sts_bus_receive(&bus, 0xff, now_us);
  for (size_t at = 0; at < length; at++) {
    sinew_sts_bus_receive(&bus, body[at], now_us);
    sum = (uint8_t)(sum + body[at]);
  }
  sinew_sts_bus_receive(&bus, (uint8_t)~sum, now_us);
}

#define TELL(...)                              \
  do {                                         \
    const uint8_t body[] = {__VA_ARGS__};      \
    tell(body, sizeof body);                   \
  } while (0)

static bool said_is(const uint8_t *bytes, size_t length) {
  return said_length == length && memcmp(said, bytes, length) == 0;
}

#define SAID(...) said_is((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void begin(void) {
  now_us = 0xffffff00u; /* the clock wraps soon */
  sinew_sts_bus_start(&bus, now_us);
}

static void each_answers_for_itself(void) {
  begin();
  TELL(1, 2, 1);
  pass(499);
  CHECK(said_length == 0);
  pass(1);
  CHECK(SAID(0xff, 0xff, 1, 2, 0, 0xfc));
  TELL(7, 2, 1);
  pass(2000);
  CHECK(said_length == 0);
  TELL(6, 4, 2, 3, 2); /* model 777 */
  pass(500);
  CHECK(SAID(0xff, 0xff, 6, 4, 0, 0x09, 0x03, 0xe9));
}

static void a_wrong_sum_is_nothing(void) {
  begin();
  const uint8_t wrong[] = {0xff, 0xff, 1, 4, 3, 40, 1, 0xcd};
  for (size_t at = 0; at < sizeof wrong; at++) sinew_sts_bus_receive(&bus, wrong[at], now_us);
  pass(2000);
  CHECK(bus.servos[0].registers[SINEW_STS_TORQUE] == 0);
  /* And what comes after it is heard. */
  TELL(1, 4, 3, 40, 1);
  pass(500);
  CHECK(SAID(0xff, 0xff, 1, 2, 0, 0xfc));
  CHECK(bus.servos[0].registers[SINEW_STS_TORQUE] == 1);
}

static void a_lock_keeps_what_is_kept(void) {
  begin();
  TELL(2, 4, 3, SINEW_STS_RETURN_DELAY, 0);
  CHECK(bus.servos[1].registers[SINEW_STS_RETURN_DELAY] == 250);
  TELL(2, 4, 3, SINEW_STS_LOCK, 0);
  TELL(2, 4, 3, SINEW_STS_RETURN_DELAY, 0);
  CHECK(bus.servos[1].registers[SINEW_STS_RETURN_DELAY] == 0);
  listen();
  CHECK(SAID(0xff, 0xff, 2, 2, 0, 0xfb));
  /* What only tells cannot be told otherwise. */
  TELL(2, 5, 3, SINEW_STS_PRESENT, 1, 1);
  TELL(2, 5, 3, SINEW_STS_MODEL, 1, 1);
  sinew_sts_tell(&bus.servos[1]);
  CHECK(sinew_sts_word(&bus.servos[1], SINEW_STS_PRESENT) == 2048);
  CHECK(sinew_sts_word(&bus.servos[1], SINEW_STS_MODEL) == 777);
}

static void all_answer_in_the_order_asked(void) {
  begin();
  TELL(0xfe, 10, 0x82, 56, 8, 3, 1, 9, 2, 4, 6);
  pass(2499);
  CHECK(said_length == 4 * 14);
  pass(1);
  CHECK(said_length == 5 * 14);
  const uint8_t order[] = {3, 1, 2, 4, 6};
  for (size_t at = 0; at < sizeof order; at++) {
    const uint8_t *packet = said + 14 * at;
    CHECK(packet[2] == order[at] && packet[3] == 10 && packet[5] == 0 && packet[6] == 8);
  }
  /* A host that talks over an answer loses it. */
  TELL(0xfe, 6, 0x82, 56, 8, 1, 2);
  pass(600);
  CHECK(said_length == 14);
  sinew_sts_bus_receive(&bus, 0, now_us);
  pass(2000);
  CHECK(said_length == 14);
}

static void many_are_set_at_once(void) {
  begin();
  TELL(0xfe, 10, 0x83, 42, 2, 1, 0x10, 0x08, 5, 0xff, 0x0f);
  CHECK(sinew_sts_word(&bus.servos[0], SINEW_STS_GOAL) == 0x0810);
  CHECK(sinew_sts_word(&bus.servos[4], SINEW_STS_GOAL) == 0x0fff);
  CHECK(sinew_sts_word(&bus.servos[1], SINEW_STS_GOAL) == 0);
  /* What is cut off sets nothing. */
  TELL(0xfe, 6, 0x83, 42, 2, 2, 0x10);
  CHECK(sinew_sts_word(&bus.servos[1], SINEW_STS_GOAL) == 0);
  pass(5000);
  CHECK(said_length == 0);
}

static double counts(const struct sinew_sts_servo *servo) { return servo->motor.position / 65536.0; }

/* The law and the motor in double, rad and s. */
struct reference {
  double angle;
  double speed;
  double target;
};

static void reference_tick(struct reference *servo, double goal) {
  const double turn = 6.283185307179586;
  const double slew = 3400.0 * turn / 4096.0 * 1e-3;
  servo->target += fmax(-slew, fmin(slew, goal - servo->target));
  const double duty = fmax(-0.97, fmin(0.97, 0.166 * 32.0 * (servo->target - servo->angle)));
  const double torque = 1.21164 * 7.4 * duty / 2.67617 -
                        (1.21164 * 1.21164 / 2.67617 + 0.059085) * servo->speed;
  servo->speed += torque / 0.028403 * 1e-3;
  const double stop = 0.052393 / 0.028403 * 1e-3;
  servo->speed = fabs(servo->speed) > stop ? servo->speed - copysign(stop, servo->speed) : 0.0;
  servo->angle += servo->speed * 1e-3;
}

static void follows_the_law(void) {
  const double per_count = 6.283185307179586 / 4096.0;
  struct sinew_sts_servo servo;
  struct reference reference = {2048 * per_count, 0, 2048 * per_count};
  double worst = 0;
  uint16_t goal = 2048;
  sinew_sts_start(&servo, 1, 2048);
  servo.registers[SINEW_STS_TORQUE] = 1;
  for (int ms = 0; ms < 60000; ms++) {
    if (ms % 500 == 0) goal = (uint16_t)(600 + random_word() % 2900);
    servo.registers[SINEW_STS_GOAL] = (uint8_t)goal;
    servo.registers[SINEW_STS_GOAL + 1] = (uint8_t)(goal >> 8);
    sinew_sts_tick(&servo);
    reference_tick(&reference, goal * per_count);
    worst = fmax(worst, fabs(counts(&servo) - reference.angle / per_count));
  }
  printf("sts servo: worst distance from the law in double over 60 s %.2f counts\n", worst);
  CHECK(worst < 2.0);
}

static void comes_to_rest_at_its_goal(void) {
  struct sinew_sts_servo servo;
  sinew_sts_start(&servo, 1, 1000);
  servo.registers[SINEW_STS_GOAL + 1] = 8; /* 2048 */
  for (int ms = 0; ms < 1000; ms++) sinew_sts_tick(&servo);
  CHECK(servo.motor.position == 1000 << 16); /* let go */
  servo.registers[SINEW_STS_TORQUE] = 1;
  int32_t fastest = 0;
  for (int ms = 0; ms < 1500; ms++) {
    sinew_sts_tick(&servo);
    if (servo.motor.speed > fastest) fastest = servo.motor.speed;
  }
  printf("sts servo: %.0f counts/s at most\n", fastest / 1048.576);
  CHECK(fabs(counts(&servo) - 2048) < 3 && servo.motor.speed == 0);
  sinew_sts_tell(&servo);
  CHECK(sinew_sts_word(&servo, SINEW_STS_PRESENT + 2) == 0);
}

static void velocity_has_its_sign_in_bit_15(void) {
  struct sinew_sts_servo servo;
  sinew_sts_start(&servo, 1, 3000);
  servo.registers[SINEW_STS_GOAL + 1] = 4; /* 1024 */
  servo.registers[SINEW_STS_TORQUE] = 1;
  const double before = counts(&servo);
  for (int ms = 0; ms < 200; ms++) sinew_sts_tick(&servo);
  sinew_sts_tell(&servo);
  const uint16_t word = sinew_sts_word(&servo, SINEW_STS_PRESENT + 2);
  CHECK(before > counts(&servo) && (word & 0x8000) != 0 && (word & 0x7fff) > 1000);
}

/* What a real one does too: the number of its encoder is all that it knows. */
static void over_its_end_it_goes_the_long_way(void) {
  struct sinew_sts_servo servo;
  sinew_sts_start(&servo, 1, 20);
  servo.registers[SINEW_STS_GOAL] = 0xf0;
  servo.registers[SINEW_STS_GOAL + 1] = 0x0f; /* 4080, 36 counts below */
  servo.registers[SINEW_STS_TORQUE] = 1;
  for (int ms = 0; ms < 600; ms++) sinew_sts_tick(&servo);
  CHECK(counts(&servo) > 1000 && counts(&servo) < 4000);
}

static void any_bytes_at_all(void) {
  begin();
  for (int round = 0; round < 200000; round++) {
    const unsigned word = random_word();
    const uint8_t few[] = {0xff, 0xfe, 0x82, 0x83, 2, 3, 1, (uint8_t)(word >> 8)};
    sinew_sts_bus_receive(&bus, few[word % sizeof few], now_us);
    if (word % 64 == 0) {
      said_length = 0;
      pass(word >> 16 & 1023);
    }
  }
  CHECK(bus.held_length < SINEW_SERVO_PACKET_MAX);
}

const struct test sts_tests[] = {
    {"each servo answers for itself, after its delay", each_answers_for_itself},
    {"a packet with a wrong sum is nothing", a_wrong_sum_is_nothing},
    {"a lock keeps what a servo keeps", a_lock_keeps_what_is_kept},
    {"servos answer in the order in which they are asked", all_answer_in_the_order_asked},
    {"many servos are set at once", many_are_set_at_once},
    {"a servo follows the law of its firmware", follows_the_law},
    {"a servo comes to rest at its goal", comes_to_rest_at_its_goal},
    {"a velocity has its sign in bit 15", velocity_has_its_sign_in_bit_15},
    {"a servo beyond its turn goes the long way round", over_its_end_it_goes_the_long_way},
    {"any bytes at all do no harm to a bus", any_bytes_at_all},
    {0, 0},
};
