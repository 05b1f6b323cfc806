#include "drive.h"

#include <string.h>

static const struct sinew_channel *actions_of(const struct sinew_target *target) {
  return target->channels + target->observation_count;
}

static bool same_text(const char *a, const char *b) {
  while (*a != 0 && *a == *b) a++, b++;
  return *a == *b;
}

static bool beyond_zero(const struct sinew_channel *channel) {
  return !(channel->low <= 0.0f && channel->high >= 0.0f);
}

bool sinew_drive_can_stop(const struct sinew_target *target) {
  const struct sinew_channel *actions = actions_of(target);
  for (uint32_t i = 0; i < target->action_count; i++) {
    if (actions[i].stop > SINEW_STOP_CATEGORY_OFF) return false;
    if (actions[i].stop == SINEW_STOP_CATEGORY_RAMP_TO_ZERO && beyond_zero(&actions[i])) return false;
    if (actions[i].stop != SINEW_STOP_CATEGORY_RAMP_AND_HOLD) continue;
    if (actions[i].position >= target->observation_count) return false;
    if (!same_text(actions[i].unit, target->channels[actions[i].position].unit)) return false;
  }
  return true;
}

void sinew_drive_command(struct sinew_drive *drive, const struct sinew_target *target,
                         const uint8_t *values) {
  for (uint32_t i = 0; i < target->action_count; i++) {
    const uint32_t bits = sinew_get_u32(values + 4 * i);
    memcpy(&drive->applied[i], &bits, sizeof bits);
    drive->driven[i] = true;
  }
}

static float within(float value, const struct sinew_channel *channel) {
  if (value < channel->low) return channel->low;
  return value > channel->high ? channel->high : value;
}

void sinew_drive_begin_stop(struct sinew_drive *drive, const struct sinew_target *target) {
  const struct sinew_channel *actions = actions_of(target);
  float observation[SINEW_VALUES_MAX];
  target->observe(observation);
  memcpy(drive->from, drive->applied, sizeof drive->from);
  memcpy(drive->was_driven, drive->driven, sizeof drive->was_driven);
  for (uint32_t i = 0; i < target->action_count; i++) {
    drive->hold[i] = drive->applied[i];
    if (actions[i].stop != SINEW_STOP_CATEGORY_RAMP_AND_HOLD) continue;
    /* A sensor that has failed says nothing of where it is; then it stays where it was sent. */
    const float position = observation[actions[i].position];
    if (sinew_finite(position)) drive->hold[i] = position;
  }
}

void sinew_drive_stop(struct sinew_drive *drive, const struct sinew_target *target, float share) {
  const struct sinew_channel *actions = actions_of(target);
  for (uint32_t i = 0; i < target->action_count; i++) {
    const float from = drive->from[i];
    float applied = 0.0f;
    bool driven = drive->was_driven[i];
    if (actions[i].stop == SINEW_STOP_CATEGORY_RAMP_AND_HOLD) {
      /* It may be beyond its limits, as when somebody has pushed it. */
      if (driven) applied = within(drive->hold[i] + (from - drive->hold[i]) * share, &actions[i]);
    } else if (actions[i].stop == SINEW_STOP_CATEGORY_OFF || !(share > 0.0f)) {
      driven = false;
    } else if (driven) {
      applied = from * share;
    }
    drive->applied[i] = applied;
    drive->driven[i] = driven;
  }
}
