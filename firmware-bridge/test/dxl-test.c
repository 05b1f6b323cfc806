#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "dxl-bus.h"

static struct sinew_dxl_bus bus;
static uint32_t now_us;
static uint8_t said[4096];
static size_t said_length;

static void pass(uint32_t us) {
  for (const uint32_t end_us = now_us + us; now_us != end_us;) {
    const uint32_t due_us = sinew_dxl_bus_run(&bus, now_us);
    now_us = (int32_t)(end_us - due_us) > 0 ? due_us : end_us;
    (void)sinew_dxl_bus_run(&bus, now_us);
    size_t length = 0;
    while ((length = sinew_dxl_bus_answer(&bus, now_us, said + said_length)) > 0) {
      said_length += length;
    }
  }
}

static void hear(const uint8_t *bytes, size_t length) {
  said_length = 0;
  for (size_t at = 0; at < length; at++) sinew_dxl_bus_receive(&bus, bytes[at], now_us);
}

/* Sends a packet of an id, an instruction and parameters in which nothing is to be doubled. */
static void tell(uint8_t id, const uint8_t *body, size_t length) {
  uint8_t packet[64] = {0xff, 0xff, 0xfd, 0, id, (uint8_t)(length + 2u), 0};
  memcpy(packet + 7, body, length);
  const uint16_t crc = sinew_dxl_crc(packet, 7 + length);
  packet[7 + length] = (uint8_t)crc;
  packet[8 + length] = (uint8_t)(crc >> 8);
  hear(packet, 9 + length);
}

#define TELL(id, ...)                     \
  do {                                    \
    const uint8_t body[] = {__VA_ARGS__}; \
    tell(id, body, sizeof body);          \
  } while (0)

/* The error of the one answer, which says no more; 255 where there is none. */
static uint8_t refusal(void) {
  pass(1000);
  return said_length == 11 && said[7] == 0x55 ? said[8] : 255;
}

static void begin(void) {
  now_us = 0xffffff00u; /* the clock wraps soon */
  sinew_dxl_bus_start(&bus, now_us);
  for (size_t at = 0; at < SINEW_SERVOS; at++) {
    bus.servos[at].table[SINEW_DXL_RETURN_DELAY] = 0;
  }
}

/* The manual's own packets. */
static void the_manuals_packets(void) {
  begin();
  const uint8_t ping[] = {0xff, 0xff, 0xfd, 0x00, 0x01, 0x03, 0x00, 0x01, 0x19, 0x4e};
  hear(ping, sizeof ping);
  pass(1000);
  CHECK(said_length == 14 && said[9] == (1200 & 0xff) && said[10] == 1200 >> 8 && said[11] == 53);
  TELL(1, 2, 2, 0, 4, 0); /* the model's information stays */
  pass(1000);
  CHECK(said_length == 15 && memcmp(said + 9, "\0\0\0\0", 4) == 0);
  TELL(1, 2, 232, 0, 3, 0);
  CHECK(refusal() == SINEW_DXL_ACCESS);
  const uint8_t goal[] = {0xff, 0xff, 0xfd, 0x00, 0x01, 0x09, 0x00, 0x03,
                          0x74, 0x00, 0x00, 0x02, 0x00, 0x00, 0xca, 0x89};
  hear(goal, sizeof goal);
  CHECK(refusal() == 0);
  CHECK(sinew_dxl_long(&bus.servos[0], SINEW_DXL_GOAL) == 512);
  const uint8_t wrong[] = {0xff, 0xff, 0xfd, 0x00, 0x01, 0x09, 0x00, 0x03,
                           0x74, 0x00, 0x00, 0x03, 0x00, 0x00, 0xca, 0x89};
  hear(wrong, sizeof wrong);
  pass(1000);
  CHECK(said_length == 0);
  CHECK(sinew_dxl_long(&bus.servos[0], SINEW_DXL_GOAL) == 512);
}

static void each_answers_after_its_delay(void) {
  begin();
  bus.servos[2].table[SINEW_DXL_RETURN_DELAY] = 250;
  TELL(3, 2, 132, 0, 4, 0);
  pass(499);
  CHECK(said_length == 0);
  pass(1);
  const uint8_t middle[] = {0x55, 0, 0x00, 0x08, 0, 0};
  CHECK(said_length == 15 && memcmp(said + 7, middle, sizeof middle) == 0);
  TELL(0xfe, 0x82, 128, 0, 8, 0, 4, 9, 2);
  pass(1000);
  CHECK(said_length == 2 * 19 && said[4] == 4 && said[19 + 4] == 2);
  TELL(7, 1);
  pass(1000);
  CHECK(said_length == 0);
}

static void marks_inside_are_doubled(void) {
  begin();
  const uint8_t told[] = {0xff, 0xff, 0xfd, 0xff, 0xff, 0xfd, 0xfd};
  memcpy(bus.servos[0].table + 200, told, sizeof told);
  TELL(1, 2, 200, 0, 7, 0);
  pass(1000);
  const uint8_t doubled[] = {0xff, 0xff, 0xfd, 0xfd, 0xff, 0xff, 0xfd, 0xfd, 0xfd};
  CHECK(said_length == 11 + sizeof doubled && memcmp(said + 9, doubled, sizeof doubled) == 0);
  TELL(2, 3, 200, 0, 0xff, 0xff, 0xfd, 0xfd, 7);
  CHECK(refusal() == 0);
  const uint8_t plain[] = {0xff, 0xff, 0xfd, 7};
  CHECK(memcmp(bus.servos[1].table + 200, plain, sizeof plain) == 0);
}

static void what_must_not_be_set_is_refused(void) {
  begin();
  TELL(1, 3, 0, 0, 7);
  CHECK(refusal() == SINEW_DXL_ACCESS);
  TELL(1, 3, 132, 0, 7);
  CHECK(refusal() == SINEW_DXL_ACCESS);
  TELL(1, 3, 116, 0, 0, 16, 0, 0); /* 4096 */
  CHECK(refusal() == SINEW_DXL_LIMIT);
  TELL(1, 3, 98, 0, 128);
  CHECK(refusal() == SINEW_DXL_RANGE);
  /* Wherever a write begins. */
  TELL(1, 3, 97, 0, 0, 128);
  CHECK(refusal() == SINEW_DXL_RANGE);
  TELL(1, 3, 63, 0, 0, 2);
  CHECK(refusal() == SINEW_DXL_RANGE);
  TELL(1, 3, 112, 0, 0, 0, 0, 0, 0, 16, 0, 0);
  CHECK(refusal() == SINEW_DXL_LIMIT);
  TELL(1, 3, 118, 0, 1);
  CHECK(refusal() == SINEW_DXL_LIMIT);
  CHECK(sinew_dxl_long(&bus.servos[0], SINEW_DXL_GOAL) == 0);
  TELL(1, 3, 9, 0, 1);
  CHECK(refusal() == 0);
  TELL(1, 3, 64, 0, 1);
  CHECK(refusal() == 0);
  TELL(1, 3, 9, 0, 2); /* what is kept, under torque */
  CHECK(refusal() == SINEW_DXL_ACCESS);
}

/* Servo 2 on its way from 2048 to 3000, told to bear a silence of 40 ms. */
static void set_out(void) {
  begin();
  TELL(2, 3, 98, 0, 2);
  CHECK(refusal() == 0);
  TELL(2, 3, 116, 0, 0xb8, 0x0b, 0, 0);
  CHECK(refusal() == 0);
  TELL(2, 3, 64, 0, 1);
}

static double counts(const struct sinew_dxl_servo *servo) {
  return servo->motor.position / 65536.0;
}

static void a_silent_line_stops_it(void) {
  set_out();
  struct sinew_dxl_servo *servo = &bus.servos[1];
  pass(40000);
  CHECK(servo->table[SINEW_DXL_WATCHDOG] == 2);
  pass(1100);
  CHECK(servo->table[SINEW_DXL_WATCHDOG] == 255);
  const int32_t silence_us = sinew_dxl_long(servo, SINEW_DXL_SILENCE);
  printf("dxl servo: stopped after a silence of %d us of 40000\n", (int)silence_us);
  CHECK(silence_us > 40000 && silence_us <= 41000);
  const double there = counts(servo);
  CHECK(there > 2060 && there < 2950);
  pass(1000000);
  CHECK(fabs(counts(servo) - there) < 120); /* it had speed */
  const double held = counts(servo);
  pass(1000000);
  CHECK(counts(servo) == held && servo->table[SINEW_DXL_TORQUE] == 1);
  /* Goals are refused, one by one and to many; clearing takes 0. */
  TELL(2, 3, 116, 0, 0, 8, 0, 0);
  CHECK(refusal() == SINEW_DXL_RANGE);
  TELL(0xfe, 0x83, 116, 0, 4, 0, 2, 0, 8, 0, 0);
  CHECK(sinew_dxl_long(servo, SINEW_DXL_GOAL) == 3000);
  TELL(2, 3, 98, 0, 5);
  CHECK(refusal() == SINEW_DXL_RANGE && servo->table[SINEW_DXL_WATCHDOG] == 255);
  TELL(2, 3, 97, 0, 0, 5);
  CHECK(refusal() == SINEW_DXL_RANGE && servo->table[SINEW_DXL_WATCHDOG] == 255);
  TELL(2, 3, 119, 0, 0); /* the last byte of a goal */
  CHECK(refusal() == SINEW_DXL_RANGE);
  TELL(2, 3, 98, 0, 0);
  CHECK(refusal() == 0);
  TELL(2, 3, 116, 0, 0, 8, 0, 0);
  CHECK(refusal() == 0);
  pass(2000000);
  CHECK(fabs(counts(servo) - 2048) < 10 && servo->table[SINEW_DXL_WATCHDOG] == 0);
}

static void only_what_is_said_to_it_counts(void) {
  set_out();
  struct sinew_dxl_servo *servo = &bus.servos[1];
  for (int turn = 0; turn < 10; turn++) {
    pass(20000);
    TELL(0xfe, 0x82, 132, 0, 4, 0, 1, 2);
  }
  CHECK(servo->table[SINEW_DXL_WATCHDOG] == 2);
  for (int turn = 0; turn < 10; turn++) {
    pass(20000);
    TELL(1, 1);
  }
  CHECK(servo->table[SINEW_DXL_WATCHDOG] == 255);
  /* Let go it watches nothing. */
  begin();
  TELL(3, 3, 98, 0, 1);
  pass(1000000);
  CHECK(bus.servos[2].table[SINEW_DXL_WATCHDOG] == 1);
}

/* The law and the motor in double, rad and s. */
static void follows_its_law(void) {
  const double per_count = 6.283185307179586 / 4096.0;
  struct sinew_dxl_servo servo;
  double angle = 2048 * per_count;
  double speed = 0;
  double worst = 0;
  int goal = 2048;
  sinew_dxl_start(&servo, 1, 2048);
  servo.table[SINEW_DXL_TORQUE] = 1;
  for (int ms = 0; ms < 60000; ms++) {
    if (ms % 500 == 0) goal = (int)(600 + random_word() % 2900);
    servo.table[SINEW_DXL_GOAL] = (uint8_t)goal;
    servo.table[SINEW_DXL_GOAL + 1] = (uint8_t)(goal >> 8);
    sinew_dxl_tick(&servo, 0);
    const double error = fmax(-300, fmin(300, goal - angle / per_count));
    const double duty = fmax(-1, fmin(1, 400.0 / 128.0 / 885.0 * error));
    const double torque =
        0.3867 * 5.0 * duty / 4.01713 - (0.3867 * 0.3867 / 4.01713 + 0.0036617) * speed;
    speed += torque / 0.0018142 * 1e-3;
    const double stop = 0.012833 / 0.0018142 * 1e-3;
    speed = fabs(speed) > stop ? speed - copysign(stop, speed) : 0.0;
    angle += speed * 1e-3;
    worst = fmax(worst, fabs(counts(&servo) - angle / per_count));
  }
  printf("dxl servo: worst distance from the law in double over 60 s %.2f counts\n", worst);
  CHECK(worst < 2.0);
}

static void velocity_has_a_sign(void) {
  struct sinew_dxl_servo servo;
  sinew_dxl_start(&servo, 1, 3000);
  servo.table[SINEW_DXL_GOAL + 1] = 4; /* 1024 */
  servo.table[SINEW_DXL_TORQUE] = 1;
  const double before = counts(&servo);
  for (int ms = 0; ms < 100; ms++) sinew_dxl_tick(&servo, 0);
  const double after = counts(&servo);
  sinew_dxl_tick(&servo, 0);
  sinew_dxl_tell(&servo);
  const int32_t velocity = sinew_dxl_long(&servo, SINEW_DXL_VELOCITY);
  const double per_s = (counts(&servo) - after) * 1000;
  CHECK(before > after && fabs(velocity * 0.229 / 60 * 4096 - per_s) < 20);
}

static void any_bytes_do_no_harm(void) {
  begin();
  for (int round = 0; round < 200000; round++) {
    const unsigned word = random_word();
    const uint8_t few[] = {0xff, 0xff, 0xfd, 0, 0xfe, 3, 2, (uint8_t)(word >> 8)};
    sinew_dxl_bus_receive(&bus, few[word % sizeof few], now_us);
    if (word % 64 == 0) {
      said_length = 0;
      pass(word >> 16 & 1023);
    }
  }
  /* And any packets, whatever they set: most of a table is zeros, 0xff or small. */
  for (int round = 0; round < 50000; round++) {
    uint8_t body[12];
    const uint8_t what[] = {1, 2, 3, 0x82, 0x83, 0x55};
    body[0] = what[random_word() % sizeof what];
    for (size_t at = 1; at < sizeof body; at++) {
      const unsigned word = random_word();
      body[at] = word % 3 == 0 ? 0 : (uint8_t)(word >> 8);
    }
    const unsigned word = random_word();
    tell(word % 2 == 0 ? 0xfe : (uint8_t)(word >> 8 & 7), body, 1 + (word >> 16) % 12);
    said_length = 0;
    pass(word >> 20 & 1023);
  }
  CHECK(bus.held_length < SINEW_SERVO_PACKET_MAX);
}

const struct test dxl_tests[] = {
    {"the manual's packets are answered and obeyed", the_manuals_packets},
    {"each Dynamixel answers after its delay, in the order asked", each_answers_after_its_delay},
    {"marks inside of a packet are doubled both ways", marks_inside_are_doubled},
    {"what must not be set is refused by its error", what_must_not_be_set_is_refused},
    {"a silent line stops a servo, and its goals are refused", a_silent_line_stops_it},
    {"a watchdog counts what is said to its servo", only_what_is_said_to_it_counts},
    {"a Dynamixel follows the law of its firmware", follows_its_law},
    {"a Dynamixel's velocity has a sign", velocity_has_a_sign},
    {"any bytes at all do no harm to a bus of Dynamixels", any_bytes_do_no_harm},
    {0, 0},
};
