#include "sts-bus.h"

#include <stdbool.h>
#include <string.h>

enum { PING = 1, READ = 2, WRITE = 3, SYNC_READ = 0x82, SYNC_WRITE = 0x83 };

#define BROADCAST 0xfeu
#define MARK 0xffu
/* Marks, id, length and instruction before the parameters. */
#define HEADER 5u
#define MIDDLE 2048u
/* Later than this the motors have stood still, as under a debugger. */
#define LAG_MAX_US 20000u

static bool reached(uint32_t now_us, uint32_t due_us) { return (int32_t)(now_us - due_us) >= 0; }

static uint8_t sum_of(const uint8_t *bytes, size_t end) {
  uint8_t sum = 0;
  for (size_t at = 2; at < end; at++) sum = (uint8_t)(sum + bytes[at]);
  return (uint8_t)~sum;
}

void sinew_sts_bus_start(struct sinew_sts_bus *bus, uint32_t now_us) {
  memset(bus, 0, sizeof *bus);
  for (uint8_t at = 0; at < SINEW_STS_SERVOS; at++) {
    sinew_sts_start(&bus->servos[at], (uint8_t)(at + 1u), MIDDLE);
  }
  bus->tick_due_us = now_us + SINEW_STS_TICK_US;
}

/* SINEW_STS_SERVOS where there is none of that id. */
static uint8_t find(const struct sinew_sts_bus *bus, uint8_t id) {
  uint8_t at = 0;
  while (at < SINEW_STS_SERVOS && bus->servos[at].registers[SINEW_STS_ID] != id) at++;
  return at;
}

static uint32_t delay_us(const struct sinew_sts_bus *bus, uint8_t servo) {
  return bus->servos[servo].registers[SINEW_STS_RETURN_DELAY] * 2u;
}

static void answer(struct sinew_sts_bus *bus, uint8_t servo, uint8_t address, uint8_t count,
                   uint32_t now_us) {
  if (servo >= SINEW_STS_SERVOS || bus->answer_count >= SINEW_STS_SERVOS) return;
  if ((uint32_t)address + count > SINEW_STS_REGISTERS) return;
  if (bus->answer_count == 0) bus->answer_due_us = now_us + delay_us(bus, servo);
  bus->answers[bus->answer_count].servo = servo;
  bus->answers[bus->answer_count].address = address;
  bus->answers[bus->answer_count].count = count;
  bus->answer_count++;
}

static void set(struct sinew_sts_bus *bus, uint8_t servo, uint32_t address, const uint8_t *data,
                size_t count) {
  if (servo >= SINEW_STS_SERVOS) return;
  for (size_t at = 0; at < count; at++) {
    sinew_sts_set(&bus->servos[servo], address + (uint32_t)at, data[at]);
  }
}

static void take_for_all(struct sinew_sts_bus *bus, uint8_t instruction, const uint8_t *parameters,
                         size_t count, uint32_t now_us) {
  if (count < 2) return;
  const uint8_t address = parameters[0];
  const uint8_t length = parameters[1];
  if (instruction == SYNC_READ) {
    for (size_t at = 2; at < count; at++) {
      answer(bus, find(bus, parameters[at]), address, length, now_us);
    }
  } else if (instruction == SYNC_WRITE) {
    for (size_t at = 2; at + length < count; at += 1u + length) {
      set(bus, find(bus, parameters[at]), address, parameters + at + 1, length);
    }
  }
}

static void take(struct sinew_sts_bus *bus, const uint8_t *packet, uint32_t now_us) {
  const uint8_t id = packet[2];
  const uint8_t instruction = packet[4];
  const uint8_t *parameters = packet + HEADER;
  const size_t count = packet[3] - 2u;
  bus->answer_count = 0;
  bus->answered = 0;
  if (id == BROADCAST) {
    take_for_all(bus, instruction, parameters, count, now_us);
    return;
  }
  const uint8_t servo = find(bus, id);
  if (instruction == PING && count == 0) {
    answer(bus, servo, 0, 0, now_us);
  } else if (instruction == READ && count == 2) {
    answer(bus, servo, parameters[0], parameters[1], now_us);
  } else if (instruction == WRITE && count >= 1) {
    set(bus, servo, parameters[0], parameters + 1, count - 1u);
    /* Under the id that it had: what it is called now, it answers with from the next on. */
    answer(bus, servo, 0, 0, now_us);
  }
}

static void drop(struct sinew_sts_bus *bus, size_t count) {
  bus->held_length -= count;
  for (size_t at = 0; at < bus->held_length; at++) bus->held[at] = bus->held[at + count];
}

static bool begins(const uint8_t *held, size_t length) {
  return held[0] == MARK && (length < 2 || held[1] == MARK) && (length < 3 || held[2] != MARK) &&
         (length < 4 || held[3] >= 2);
}

void sinew_sts_bus_receive(struct sinew_sts_bus *bus, uint8_t byte, uint32_t now_us) {
  bus->answer_count = 0;
  bus->answered = 0;
  bus->held[bus->held_length++] = byte;
  while (bus->held_length > 0) {
    if (!begins(bus->held, bus->held_length)) {
      drop(bus, 1);
      continue;
    }
    if (bus->held_length < 4 || bus->held_length < bus->held[3] + 4u) return;
    const size_t end = bus->held[3] + 3u;
    if (bus->held[end] == sum_of(bus->held, end)) {
      take(bus, bus->held, now_us);
      drop(bus, end + 1u);
    } else {
      drop(bus, 1);
    }
  }
}

uint32_t sinew_sts_bus_run(struct sinew_sts_bus *bus, uint32_t now_us) {
  if (reached(now_us, bus->tick_due_us + LAG_MAX_US)) bus->tick_due_us = now_us;
  while (reached(now_us, bus->tick_due_us)) {
    for (size_t at = 0; at < SINEW_STS_SERVOS; at++) sinew_sts_tick(&bus->servos[at]);
    bus->tick_due_us += SINEW_STS_TICK_US;
  }
  const bool waits = bus->answered < bus->answer_count;
  return waits && reached(bus->tick_due_us, bus->answer_due_us) ? bus->answer_due_us
                                                                : bus->tick_due_us;
}

size_t sinew_sts_bus_answer(struct sinew_sts_bus *bus, uint32_t now_us,
                            uint8_t out[SINEW_STS_PACKET_MAX]) {
  if (bus->answered >= bus->answer_count || !reached(now_us, bus->answer_due_us)) return 0;
  const uint8_t address = bus->answers[bus->answered].address;
  const uint8_t count = bus->answers[bus->answered].count;
  struct sinew_sts_servo *servo = &bus->servos[bus->answers[bus->answered].servo];
  sinew_sts_tell(servo);
  out[0] = MARK;
  out[1] = MARK;
  out[2] = servo->registers[SINEW_STS_ID];
  out[3] = (uint8_t)(count + 2u);
  out[4] = 0;
  memcpy(out + HEADER, servo->registers + address, count);
  out[HEADER + count] = sum_of(out, HEADER + count);
  if (++bus->answered < bus->answer_count) {
    bus->answer_due_us += delay_us(bus, bus->answers[bus->answered].servo);
  }
  return HEADER + count + 1u;
}
