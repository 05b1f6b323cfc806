#include "pendulum.h"

#include <math.h>
#include <stdio.h>

#include "check.h"
#include "device.h"

static const bool driven = true;

static const double turn = 6.283185307179586;

static void sine_is_accurate(void) {
  double worst = 0;
  for (uint64_t at = 0; at <= 0xffffffffu; at += 1021) {
    const uint32_t angle = (uint32_t)at;
    const double error = sinew_sine(angle) / 1073741824.0 - sin(angle * (turn / 4294967296.0));
    if (fabs(error) > worst) worst = fabs(error);
  }
  printf("sine: worst error %.2e\n", worst);
  CHECK(worst < 5e-8);
  const uint32_t corners[] = {0, 0x40000000u, 0x80000000u, 0xc0000000u};
  const int32_t exact[] = {0, 1 << 30, 0, -(1 << 30)};
  for (int at = 0; at < 4; at++) CHECK(sinew_sine(corners[at]) == exact[at]);
  /* Where the series meet and where they reach furthest. */
  for (int32_t off = -3; off <= 3; off++) {
    for (uint32_t at = 0; at < 8; at++) {
      const uint32_t angle = at * 0x20000000u + (uint32_t)off;
      const double value = sinew_sine(angle) / 1073741824.0;
      CHECK(fabs(value - sin(angle * (turn / 4294967296.0))) < 5e-8);
    }
  }
}

static void hangs_at_rest(void) {
  const float nothing = 0.0f;
  float observation[3];
  sinew_pendulum.start();
  for (int ms = 0; ms < 10000; ms++) CHECK(sinew_pendulum.tick(&nothing, &driven));
  sinew_pendulum.observe(observation);
  CHECK(observation[0] == -1.0f && observation[1] == 0.0f && !signbit(observation[1]));
  CHECK(observation[2] == 0.0f);
}

struct reference {
  double angle;
  double speed;
  double torque;
};

static void reference_tick(struct reference *pole, double applied) {
  pole->torque += (applied - pole->torque) * (1.0 - exp(-0.5));
  pole->speed += (15.0 * sin(pole->angle) + 3.0 * pole->torque) * 1e-3;
  pole->speed = fmax(-8.0, fmin(8.0, pole->speed));
  pole->angle += pole->speed * 1e-3;
}

/* The same equation in double; two seconds, as chaos parts any two roundings later. */
static void follows_the_equation(void) {
  double worst = 0;
  for (int run = 0; run < 50; run++) {
    struct reference pole = {turn / 2, 0, 0};
    float applied = 0.0f;
    float observation[3];
    sinew_pendulum.start();
    for (int ms = 0; ms < 2000; ms++) {
      if (ms % 50 == 0) applied = (float)(random_word() % 4001) / 1000.0f - 2.0f;
      CHECK(sinew_pendulum.tick(&applied, &driven));
      reference_tick(&pole, applied);
      sinew_pendulum.observe(observation);
      worst = fmax(worst, fabs(observation[0] - cos(pole.angle)));
      worst = fmax(worst, fabs(observation[1] - sin(pole.angle)));
      worst = fmax(worst, fabs(observation[2] - pole.speed));
    }
  }
  printf("pendulum: worst distance from the equation in double over 2 s %.2e\n", worst);
  CHECK(worst < 1e-3);
}

/* Pushed along its motion it swings up, turns over, and its speed stays within 8 rad/s. */
static void speed_is_limited(void) {
  for (float first = -2.0f; first <= 2.0f; first += 4.0f) {
    float observation[3] = {-1.0f, 0.0f, 0.0f};
    float fastest = 0.0f;
    bool over = false;
    sinew_pendulum.start();
    for (int ms = 0; ms < 20000; ms++) {
      const float applied = observation[2] == 0.0f ? first : copysignf(2.0f, observation[2]);
      CHECK(sinew_pendulum.tick(&applied, &driven));
      sinew_pendulum.observe(observation);
      if (fabsf(observation[2]) > fabsf(fastest)) fastest = observation[2];
      over = over || observation[0] > 0.999f;
      const float length = observation[0] * observation[0] + observation[1] * observation[1];
      CHECK(fabsf(length - 1.0f) < 1e-6f);
    }
    CHECK(fabsf(fastest) == 8.0f && over);
  }
}

static void a_motor_that_is_let_go_does_not_push(void) {
  const float torque = 2.0f;
  const bool let_go = false;
  float observation[3];
  sinew_pendulum.start();
  for (int ms = 0; ms < 500; ms++) CHECK(sinew_pendulum.tick(&torque, &let_go));
  sinew_pendulum.observe(observation);
  CHECK(observation[0] == -1.0f && fabsf(observation[2]) < 1e-3f);
}

static void a_torque_that_is_not_finite_is_a_fault(void) {
  float observation[3];
  const float nan = float_of(0x7fc00000u);
  sinew_pendulum.start();
  CHECK(!sinew_pendulum.tick(&nan, &driven));
  sinew_pendulum.observe(observation);
  CHECK(observation[0] == -1.0f && observation[2] == 0.0f);
}

const struct test pendulum_tests[] = {
    {"the sine is accurate over the whole turn", sine_is_accurate},
    {"the pendulum hangs at rest", hangs_at_rest},
    {"the pendulum follows its equation", follows_the_equation},
    {"the pendulum turns over within its speed limit", speed_is_limited},
    {"a torque that is not finite is a fault", a_torque_that_is_not_finite_is_a_fault},
    {"a motor that is let go does not push", a_motor_that_is_let_go_does_not_push},
    {0, 0},
};
