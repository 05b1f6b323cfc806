#include "stop.h"

bool sinew_reached(uint32_t late_us, uint32_t early_us) {
  return late_us - early_us < 0x80000000u;
}

void sinew_stop_arm(struct sinew_stop *stop, uint8_t mode, uint32_t expires_us) {
  stop->mode = mode;
  stop->reason = SINEW_DEVICE_REASON_NONE;
  stop->expires_us = expires_us;
}

bool sinew_stop_live(const struct sinew_stop *stop) {
  return stop->mode == SINEW_DEVICE_MODE_ARMED || stop->mode == SINEW_DEVICE_MODE_TRIAL;
}

void sinew_stop_begin(struct sinew_stop *stop, uint8_t reason, uint32_t at_us) {
  if (stop->mode == SINEW_DEVICE_MODE_STOPPING || stop->mode == SINEW_DEVICE_MODE_STOPPED) return;
  /* Nothing to ramp down where nothing moved. */
  stop->mode = stop->mode == SINEW_DEVICE_MODE_ARMED ? SINEW_DEVICE_MODE_STOPPING
                                                     : SINEW_DEVICE_MODE_STOPPED;
  stop->reason = reason;
  stop->began_us = at_us;
}

bool sinew_stop_check(struct sinew_stop *stop, uint32_t now_us) {
  bool tripped = false;
  if (sinew_stop_live(stop) && sinew_reached(now_us, stop->expires_us)) {
    /* From the promised instant, however late it was noticed. */
    sinew_stop_begin(stop, SINEW_DEVICE_REASON_EXPIRED, stop->expires_us);
    stop->trips++;
    tripped = stop->mode == SINEW_DEVICE_MODE_STOPPING;
  }
  /* The end is latched as a mode: a difference of times would come round again after 71 minutes. */
  if (stop->mode == SINEW_DEVICE_MODE_STOPPING &&
      sinew_reached(now_us, stop->began_us + SINEW_STOP_RAMP_US)) {
    stop->mode = SINEW_DEVICE_MODE_STOPPED;
  }
  return tripped;
}

float sinew_stop_share(const struct sinew_stop *stop, uint32_t now_us) {
  if (stop->mode == SINEW_DEVICE_MODE_ARMED) return 1.0f;
  if (stop->mode != SINEW_DEVICE_MODE_STOPPING) return 0.0f;
  /* A turn caught up late may lie before the stop. */
  if (!sinew_reached(now_us, stop->began_us)) return 1.0f;
  const uint32_t elapsed_us = now_us - stop->began_us;
  if (elapsed_us >= SINEW_STOP_RAMP_US) return 0.0f;
  return (float)(SINEW_STOP_RAMP_US - elapsed_us) / (float)SINEW_STOP_RAMP_US;
}

bool sinew_stop_reset(struct sinew_stop *stop) {
  if (stop->mode != SINEW_DEVICE_MODE_STOPPED && stop->mode != SINEW_DEVICE_MODE_DISARMED) {
    return false;
  }
  stop->mode = SINEW_DEVICE_MODE_DISARMED;
  stop->reason = SINEW_DEVICE_REASON_NONE;
  return true;
}
