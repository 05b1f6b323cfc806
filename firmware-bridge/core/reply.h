/* The frames that a device sends. */
#ifndef SINEW_REPLY_H
#define SINEW_REPLY_H

#include <stdint.h>

#include "session.h"

void sinew_send_info(struct sinew_session *session);

/* Nothing where there is no such channel. */
void sinew_send_channel(struct sinew_session *session, uint8_t direction, uint8_t index);

void sinew_send_synced(struct sinew_session *session, uint32_t token, uint32_t rx_us);

void sinew_send_state(struct sinew_session *session);

void sinew_send_stats(struct sinew_session *session);

/* `sequence` is that of the request. */
void sinew_send_answer(struct sinew_session *session, uint8_t request, uint8_t result,
                       uint16_t sequence);

/* The part of the dictionary from `offset` that one frame can carry; empty beyond its end. */
void sinew_send_dictionary(struct sinew_session *session, uint16_t offset);

#endif
