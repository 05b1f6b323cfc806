/* A device on a clock that the test moves, with a line that the test speaks on. */
#ifndef SINEW_DEVICE_H
#define SINEW_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

/* The one device of a test. */
extern struct sinew_session device;
extern uint32_t device_now_us;
/* When false the line has no room: every frame out is refused. */
extern bool device_line_free;
/* What the pin of the stop line reads, where it is started with one. */
extern bool device_stop_open;
/* What the two-motor target's tick returns, and what it was last given. */
extern bool rig_sound;
extern float rig_applied[2];
/* What its first motor was given in the newest turns, by their number since the start modulo 64. */
extern float rig_history[64];

/* Two motors, [-1, 3] and [0, 1], and one observation. */
extern const struct sinew_target rig;

/* Without a stop line. */
void device_start(const struct sinew_target *target, uint32_t now_us);

/* With one, closed. */
void device_start_on_line(const struct sinew_target *target, uint32_t now_us);

/* Lets time pass with every turn on time. */
void device_run(uint32_t us);

/* Lets time pass without a turn. The device has not yet seen it when this returns. */
void device_stall(uint32_t us);

/* Forgets earlier replies and sends one frame. */
void device_send(uint8_t type, uint16_t sequence, const uint8_t *payload, uint32_t length);

/* The newest frame of `type` since the last send or forget, from its first byte, or NULL. */
const uint8_t *device_reply(uint8_t type);

/* How many frames of `type` have come since. */
uint32_t device_replies(uint8_t type);

void device_forget(void);

/* An ARM with the right hashes that runs out `ahead_us` from now. Its result. */
uint8_t device_arm(uint16_t sequence, uint32_t ahead_us);

/* The same for a trial of the watchdog. */
uint8_t device_try(uint16_t sequence, uint32_t ahead_us);

/* A COMMAND with `count` values that runs out `ahead_us` from now. True where it was accepted. */
bool device_command(uint16_t sequence, uint32_t ahead_us, const float *values, uint8_t count);

/* STOP, RESET, CONFIGURE or LOCKSTEP; the result of the ANSWER. */
uint8_t device_stop(uint8_t reason);
uint8_t device_reset(void);
uint8_t device_configure(uint32_t state_period_us);
uint8_t device_lockstep(bool on);

/* Sends STEP. True where STATE came and no ANSWER. */
bool device_step(uint16_t ticks);

float float_at(const uint8_t *at);
float float_of(uint32_t bits);

#endif
