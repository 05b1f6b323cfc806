#include "heater.h"

/* The plate: 20 J/K, 0.4 W/K to a room of 25 degrees, so 40 W end at 125 degrees. */
static const float room = 25.0f;
static const float loss = 0.4f;
static const float warmth_per_watt = 1e-3f / 20.0f; /* of one turn of 1 ms */

/* What no plate of this make reaches: the thermometer, or the heater's switch, is broken. */
static const float hot_max = 200.0f;

static const struct sinew_channel channels[] = {
    {.name = "plate_temperature", .unit = "degC", .low = 0.0f, .high = 250.0f},
    /* Nothing jerks where heat is cut off, and a ramp would only heat on. */
    {.name = "heater_power", .unit = "W", .low = 0.0f, .high = 40.0f,
     .stop = SINEW_STOP_CATEGORY_OFF},
};

static float temperature;

/* Where a real heater sets its PWM and reads its thermometer. */
static bool turn_heater(float power) {
  const float next = temperature + (power - loss * (temperature - room)) * warmth_per_watt;
  if (!sinew_finite(next) || next > hot_max) return false;
  temperature = next;
  return true;
}

static void start(void) { temperature = room; }

static bool tick(const float *applied, const bool *driven) {
  if (turn_heater(driven[0] ? applied[0] : 0.0f)) return true;
  start();
  return false;
}

static void observe(float *observation) { observation[0] = temperature; }

const struct sinew_target sinew_heater = {
    .name = "heater",
    .period_us = 50000,
    .channels = channels,
    .observation_count = 1,
    .action_count = 1,
    .simulated = true,
    .start = start,
    .tick = tick,
    .observe = observe,
};
