#include "torque-motor.h"

#include <math.h>
#include <stdio.h>

#include "check.h"
#include "device.h"

static const bool driven = true;
static const double count = 6.283185307179586 / 4096;

static float angle_now(void) {
  float observation[2];
  sinew_torque_motor.observe(observation);
  return observation[0];
}

static float velocity_now(void) {
  float observation[2];
  sinew_torque_motor.observe(observation);
  return observation[1];
}

/* The motor's equation in double, its angle cut to counts and its speed taken over 16 ms. */
static void it_reads_its_motor(void) {
  double worst_angle = 0;
  double worst_velocity = 0;
  for (int run = 0; run < 50; run++) {
    double angles[2001] = {0};
    double speed = 0;
    float torque = 0.0f;
    sinew_torque_motor.start();
    for (int ms = 1; ms <= 2000; ms++) {
      if (ms % 50 == 1) torque = (float)(random_word() % 201) / 1000.0f - 0.1f;
      CHECK(sinew_torque_motor.tick(&torque, &driven));
      speed += (torque - 2e-3 * speed) * 1e-3 / 2e-4;
      angles[ms] = angles[ms - 1] + speed * 1e-3;
      const double off = remainder(angle_now() - angles[ms], 4096 * count);
      worst_angle = fmax(worst_angle, fabs(off));
      const double mean = (angles[ms] - angles[ms < 16 ? 0 : ms - 16]) / 16e-3;
      worst_velocity = fmax(worst_velocity, fabs(velocity_now() - mean));
    }
  }
  printf("torque motor: worst angle %.2f counts, worst velocity %.2f counts in 16 ms off\n",
         worst_angle / count, worst_velocity * 16e-3 / count);
  CHECK(worst_angle < 1.5 * count);
  CHECK(worst_velocity < 1.5 * count / 16e-3);
}

static void the_counter_wraps_both_ways(void) {
  for (float torque = -0.1f; torque <= 0.1f; torque += 0.2f) {
    float last = 0.0f;
    int turns = 0;
    sinew_torque_motor.start();
    for (int ms = 0; ms < 5000; ms++) {
      CHECK(sinew_torque_motor.tick(&torque, &driven));
      const float angle = angle_now();
      CHECK(angle >= -3.1415927f && angle < 3.1415927f);
      turns += fabsf(angle - last) > 3.0f;
      last = angle;
      if (ms > 1000) CHECK(fabsf(velocity_now() - 500.0f * torque) < 0.2f);
    }
    /* 50 rad/s: 39 turns; the counter has wrapped twice. */
    CHECK(turns > 35 && turns < 42);
  }
}

static void an_encoder_that_jumps_is_a_fault(void) {
  const uint16_t jumps[] = {0x8000, 200, (uint16_t)-200};
  const float torque = 0.0f;
  for (int at = 0; at < 3; at++) {
    sinew_torque_motor.start();
    for (int ms = 0; ms < 20; ms++) CHECK(sinew_torque_motor.tick(&torque, &driven));
    sinew_torque_motor_counts += jumps[at];
    CHECK(!sinew_torque_motor.tick(&torque, &driven));
    CHECK(angle_now() == 0.0f && velocity_now() == 0.0f);
  }
}

/* Through the core: the fault stops and latches. */
static void the_core_stops_on_that_fault(void) {
  const float torque = 0.1f;
  device_start(&sinew_torque_motor, 0);
  CHECK(device_arm(1, 100000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, 900000, &torque, 1));
  device_run(100000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED && velocity_now() > 1.0f);
  sinew_torque_motor_counts += 1000;
  device_run(200000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_FAULT);
  CHECK(device.drive.applied[0] == 0.0f && !device.drive.driven[0]);
}

/* Its torque falls to zero and it is let go; it runs out. */
static void a_stop_lets_it_run_out(void) {
  const float torque = 0.1f;
  device_start(&sinew_torque_motor, 0);
  CHECK(device_arm(1, 100000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, 300000, &torque, 1));
  device_run(300000);
  const float speed = velocity_now();
  device_run(50000);
  CHECK(fabsf(device.drive.applied[0] - 0.05f) < 2e-3f);
  device_run(50000);
  CHECK(!device.drive.driven[0] && velocity_now() < speed + 5.0f);
  device_run(2000000);
  CHECK(velocity_now() == 0.0f);
}

static void let_go_it_does_not_push(void) {
  const float torque = 0.1f;
  const bool let_go = false;
  sinew_torque_motor.start();
  for (int ms = 0; ms < 500; ms++) CHECK(sinew_torque_motor.tick(&torque, &let_go));
  CHECK(sinew_torque_motor_counts == 0 && velocity_now() == 0.0f);
}

static void a_torque_that_is_not_finite_is_a_fault(void) {
  const float nan = float_of(0x7fc00000u);
  sinew_torque_motor.start();
  CHECK(!sinew_torque_motor.tick(&nan, &driven));
  CHECK(angle_now() == 0.0f && velocity_now() == 0.0f);
}

const struct test torque_motor_tests[] = {
    {"the encoder reads the motor to a count", it_reads_its_motor},
    {"the encoder's counter wraps both ways", the_counter_wraps_both_ways},
    {"an encoder that jumps is a fault", an_encoder_that_jumps_is_a_fault},
    {"the core stops when the encoder jumps", the_core_stops_on_that_fault},
    {"a stop lets the torque motor run out", a_stop_lets_it_run_out},
    {"a torque motor that is let go does not push", let_go_it_does_not_push},
    {"a motor torque that is not finite is a fault", a_torque_that_is_not_finite_is_a_fault},
    {0, 0},
};
