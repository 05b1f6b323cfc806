#include "pd-servo.h"

#include <math.h>
#include <stdio.h>

#include "check.h"
#include "device.h"

static const bool driven = true;

static float angle_now(void) {
  float observation[2];
  sinew_pd_servo.observe(observation);
  return observation[0];
}

static float speed_now(void) {
  float observation[2];
  sinew_pd_servo.observe(observation);
  return observation[1];
}

static void it_goes_where_it_is_told(void) {
  const float targets[] = {1.5f, -1.5f, 0.1f, 0.0f};
  sinew_pd_servo.start();
  for (int at = 0; at < 4; at++) {
    float beyond = 0.0f;
    const float from = angle_now();
    const float way = targets[at] - from;
    for (int ms = 0; ms < 1000; ms++) {
      CHECK(sinew_pd_servo.tick(&targets[at], &driven));
      beyond = fmaxf(beyond, (angle_now() - targets[at]) / way);
    }
    CHECK(fabsf(angle_now() - targets[at]) < 1e-3f && fabsf(speed_now()) < 1e-2f);
    CHECK(beyond < 0.05f);
  }
}

/* The same equation in double. */
static void it_follows_its_equation(void) {
  double worst = 0;
  for (int run = 0; run < 50; run++) {
    double angle = 0;
    double speed = 0;
    float target = 0.0f;
    sinew_pd_servo.start();
    for (int ms = 0; ms < 2000; ms++) {
      if (ms % 50 == 0) target = (float)(random_word() % 3001) / 1000.0f - 1.5f;
      CHECK(sinew_pd_servo.tick(&target, &driven));
      const double torque = fmax(-1.5, fmin(1.5, 12.0 * (target - angle) - 0.9 * speed));
      speed = fmax(-20.0, fmin(20.0, speed + (torque - 0.05 * speed) * 1e-3 / 0.02));
      angle += speed * 1e-3;
      if (fabs(angle) > 1.6) {
        angle = copysign(1.6, angle);
        speed = 0;
      }
      worst = fmax(worst, fabs(angle_now() - angle));
      worst = fmax(worst, fabs(speed_now() - speed) / 20);
    }
  }
  printf("servo: worst distance from the equation in double over 2 s %.2e\n", worst);
  CHECK(worst < 1e-5);
}

static void its_housing_stops_it(void) {
  const float beyond = 9.0f;
  sinew_pd_servo.start();
  for (int ms = 0; ms < 2000; ms++) {
    CHECK(sinew_pd_servo.tick(&beyond, &driven));
    CHECK(fabsf(angle_now()) <= 1.6f && fabsf(speed_now()) <= 20.0f);
  }
  CHECK(angle_now() == 1.6f && speed_now() == 0.0f);
}

static void let_go_it_does_not_push(void) {
  const float target = 1.0f;
  const bool let_go = false;
  sinew_pd_servo.start();
  for (int ms = 0; ms < 500; ms++) CHECK(sinew_pd_servo.tick(&target, &let_go));
  CHECK(angle_now() == 0.0f && speed_now() == 0.0f);
}

static void a_target_that_is_not_finite_is_a_fault(void) {
  const float broken[] = {float_of(0x7fc00000u), float_of(0xffc00000u)};
  for (int at = 0; at < 2; at++) {
    sinew_pd_servo.start();
    CHECK(!sinew_pd_servo.tick(&broken[at], &driven));
    CHECK(angle_now() == 0.0f && speed_now() == 0.0f);
  }
}

/* Through the core: its commands end on the way, and it stays about where it was then. */
static void it_holds_where_a_stop_found_it(void) {
  const float target = 1.5f;
  device_start(&sinew_pd_servo, 0);
  CHECK(device_arm(1, 100000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, 200000, &target, 1));
  device_run(200000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
  const float place = angle_now();
  CHECK(place > 0.5f && place < 1.4f && speed_now() > 1.0f);
  device_run(2000000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && device.drive.driven[0]);
  CHECK(fabsf(angle_now() - place) < 0.01f && fabsf(speed_now()) < 0.01f);
  CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
  device_run(500000);
  CHECK(fabsf(angle_now() - place) < 0.01f);
}

const struct test servo_tests[] = {
    {"the servo goes where it is told", it_goes_where_it_is_told},
    {"the servo follows its equation", it_follows_its_equation},
    {"the servo's housing stops it", its_housing_stops_it},
    {"a servo that is let go does not push", let_go_it_does_not_push},
    {"a target that is not finite is a fault", a_target_that_is_not_finite_is_a_fault},
    {"the servo holds where a stop found it", it_holds_where_a_stop_found_it},
    {0, 0},
};
