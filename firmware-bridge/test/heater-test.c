#include "heater.h"

#include <math.h>
#include <stdio.h>

#include "check.h"
#include "device.h"

static const bool driven = true;

static float temperature_now(void) {
  float observation[1];
  sinew_heater.observe(observation);
  return observation[0];
}

/* The same equation in double. */
static void it_follows_its_equation(void) {
  double worst = 0;
  double temperature = 25;
  float power = 0.0f;
  sinew_heater.start();
  for (int ms = 0; ms < 200000; ms++) {
    if (ms % 5000 == 0) power = (float)(random_word() % 401) / 10.0f;
    CHECK(sinew_heater.tick(&power, &driven));
    temperature += (power - 0.4 * (temperature - 25)) * 1e-3 / 20;
    worst = fmax(worst, fabs(temperature_now() - temperature));
  }
  printf("heater: worst distance from the equation in double over 200 s %.2e\n", worst);
  CHECK(worst < 0.05);
}

static void what_cannot_be_is_a_fault(void) {
  const float broken[] = {float_of(0x7fc00000u), float_of(0x7f800000u), float_of(0xff800000u)};
  const float fire = 1e6f;
  for (int at = 0; at < 3; at++) {
    sinew_heater.start();
    CHECK(!sinew_heater.tick(&broken[at], &driven));
    CHECK(temperature_now() == 25.0f);
  }
  int ms = 0;
  while (ms < 10000 && sinew_heater.tick(&fire, &driven)) ms++;
  CHECK(ms > 1 && ms < 10000 && temperature_now() == 25.0f);
}

/* Through the core: it is cut off in the turn in which its commands end, and cools. */
static void a_stop_cuts_it_off(void) {
  const float full = 40.0f;
  device_start(&sinew_heater, 0);
  CHECK(device_arm(1, 100000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, 200000, &full, 1));
  device_run(199000);
  const float warm = temperature_now();
  CHECK(warm > 25.3f && device.drive.driven[0]);
  device_run(2000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
  CHECK(!device.drive.driven[0] && device.drive.applied[0] == 0.0f);
  device_run(60000000);
  CHECK(temperature_now() < warm - 0.1f);
}

const struct test heater_tests[] = {
    {"the heater follows its equation", it_follows_its_equation},
    {"what a heater cannot be is a fault", what_cannot_be_is_a_fault},
    {"a stop cuts the heater off", a_stop_cuts_it_off},
    {0, 0},
};
