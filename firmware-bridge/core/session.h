/* The device's half of the conversation, and its loop. No malloc; one instance holds everything. */
#ifndef SINEW_SESSION_H
#define SINEW_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "drive.h"
#include "frame.h"
#include "hal.h"
#include "stop-line.h"
#include "stop.h"
#include "target.h"

/* Turns made up for at once after a stall; beyond that, time is given up and counted. */
#define SINEW_TICKS_DUE_MAX 50u

/* Counters since the device started, in the order and with the meaning of STATS. */
struct sinew_stats {
  uint32_t frames;
  uint32_t bad_frame;
  uint32_t bad_crc;
  uint32_t bad_length;
  uint32_t unknown_type;
  uint32_t rx_overflow;
  uint32_t commands;
  uint32_t not_armed;
  uint32_t old_sequence;
  uint32_t expired;
  uint32_t too_far_ahead;
  uint32_t wrong_count;
  uint32_t non_finite;
  uint32_t out_of_range;
  uint32_t arms_refused;
  uint32_t ticks;
  uint32_t ticks_lost;
};

struct sinew_session {
  const struct sinew_hal *hal;
  const struct sinew_target *target;
  struct sinew_decoder decoder;
  struct sinew_stop stop;
  struct sinew_contact stop_line;
  /* The port adds to `rx_overflow`; all else is the session's. */
  struct sinew_stats stats;
  uint32_t contract_hash;
  uint32_t boot_id;
  /* Due time of the next turn, and of the newest one done: when the sensors were read. */
  uint32_t tick_due_us;
  uint32_t sampled_us;
  uint32_t state_period_us;
  uint32_t state_due_us;
  uint16_t sequence_out;
  /* Sequence of the newest accepted command, or of the ARM. */
  uint16_t acknowledged;
  /* No command since the ARM. */
  bool unused;
  /* The clock is `lockstep_us`, which only STEP moves. */
  bool lockstep;
  uint32_t lockstep_us;
  struct sinew_drive drive;
  uint8_t frame[SINEW_FRAME_MAX];
  uint8_t wire[SINEW_WIRE_MAX];
};

/* CRC-32C of the contract's canonical bytes: u8 1, u32 period_us, u8 observations, u8 actions, then
   for each channel name, 0, unit, 0, f32 low, f32 high, then for each action u8 stop category, u8
   position (255 where it does not hold). */
uint32_t sinew_contract_hash(const struct sinew_target *target);

/* The observation that an action holds its place by; SINEW_NO_POSITION where it does not hold. */
uint8_t sinew_position_of(const struct sinew_channel *action);

/* The device's clock, or the one that STEP moves. */
uint32_t sinew_session_now(const struct sinew_session *session);

/* `boot_id` must differ after every start. False where one STATE cannot carry the target, or an
   actuator shall hold a place that nothing observes, or ramp to a zero beyond its limits. */
bool sinew_session_start(struct sinew_session *session, const struct sinew_hal *hal,
                         const struct sinew_target *target, uint32_t boot_id);

/* Takes one received byte and answers the frame that it completes. */
void sinew_session_receive(struct sinew_session *session, uint8_t byte);

/* Does the turns and the STATE that are due. Returns when to call it again at the latest. */
uint32_t sinew_session_run(struct sinew_session *session);

#endif
