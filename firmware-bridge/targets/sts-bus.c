#include "sts-bus.h"

#include <stdbool.h>
#include <string.h>

enum { PING = 1, READ = 2, WRITE = 3, SYNC_READ = 0x82, SYNC_WRITE = 0x83 };

#define BROADCAST 0xfeu
#define MARK 0xffu
/* Marks, id, length and instruction before the parameters. */
#define HEADER 5u
#define MIDDLE 2048u

static uint8_t sum_of(const uint8_t *bytes, size_t end) {
  uint8_t sum = 0;
  for (size_t at = 2; at < end; at++) sum = (uint8_t)(sum + bytes[at]);
  return (uint8_t)~sum;
}

void sinew_sts_bus_start(struct sinew_sts_bus *bus, uint32_t now_us) {
  memset(bus, 0, sizeof *bus);
  for (uint8_t at = 0; at < SINEW_SERVOS; at++) {
    sinew_sts_start(&bus->servos[at], (uint8_t)(at + 1u), MIDDLE);
  }
  sinew_servo_line_start(&bus->line, now_us);
}

/* SINEW_SERVOS where there is none of that id. */
static uint8_t find(const struct sinew_sts_bus *bus, uint8_t id) {
  uint8_t at = 0;
  while (at < SINEW_SERVOS && bus->servos[at].registers[SINEW_STS_ID] != id) at++;
  return at;
}

static uint32_t delay_us(const struct sinew_sts_bus *bus, uint8_t servo) {
  return bus->servos[servo].registers[SINEW_STS_RETURN_DELAY] * 2u;
}

static void answer(struct sinew_sts_bus *bus, uint8_t servo, uint8_t address, uint8_t count,
                   uint32_t now_us) {
  if (servo >= SINEW_SERVOS || (uint32_t)address + count > SINEW_STS_REGISTERS) return;
  const struct sinew_servo_answer one = {.servo = servo, .address = address, .count = count};
  sinew_servo_line_add(&bus->line, one, now_us + delay_us(bus, servo));
}

static void set(struct sinew_sts_bus *bus, uint8_t servo, uint32_t address, const uint8_t *data,
                size_t count) {
  if (servo >= SINEW_SERVOS) return;
  for (size_t at = 0; at < count; at++) {
    sinew_sts_set(&bus->servos[servo], address + (uint32_t)at, data[at]);
  }
}

static void take_for_all(struct sinew_sts_bus *bus, uint8_t instruction, const uint8_t *parameters,
                         size_t count, uint32_t now_us) {
  if (count < 2) return;
  const uint8_t address = parameters[0];
  const uint8_t length = parameters[1];
  if (instruction == SYNC_READ && !SINEW_STS_IS_SCS) {
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
  sinew_servo_line_hush(&bus->line);
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
  while (sinew_servo_line_turns(&bus->line, now_us)) {
    for (size_t at = 0; at < SINEW_SERVOS; at++) sinew_sts_tick(&bus->servos[at]);
  }
  return sinew_servo_line_next_us(&bus->line);
}

size_t sinew_sts_bus_answer(struct sinew_sts_bus *bus, uint32_t now_us,
                            uint8_t out[SINEW_SERVO_PACKET_MAX]) {
  const struct sinew_servo_answer *due = sinew_servo_line_due(&bus->line, now_us);
  if (due == NULL) return 0;
  struct sinew_sts_servo *servo = &bus->servos[due->servo];
  const uint8_t count = due->count;
  sinew_sts_tell(servo);
  out[0] = MARK;
  out[1] = MARK;
  out[2] = servo->registers[SINEW_STS_ID];
  out[3] = (uint8_t)(count + 2u);
  out[4] = 0;
  memcpy(out + HEADER, servo->registers + due->address, count);
  out[HEADER + count] = sum_of(out, HEADER + count);
  const struct sinew_servo_answer *next = sinew_servo_line_said(&bus->line);
  if (next != NULL) bus->line.answer_due_us += delay_us(bus, next->servo);
  return HEADER + count + 1u;
}

static struct sinew_sts_bus own;

static void start(uint32_t now_us) { sinew_sts_bus_start(&own, now_us); }

static void receive(uint8_t byte, uint32_t now_us) { sinew_sts_bus_receive(&own, byte, now_us); }

static uint32_t run(uint32_t now_us) { return sinew_sts_bus_run(&own, now_us); }

static size_t say(uint32_t now_us, uint8_t out[SINEW_SERVO_PACKET_MAX]) {
  return sinew_sts_bus_answer(&own, now_us, out);
}

const struct sinew_servo_bus sinew_sts_bus_line = {start, receive, run, say};
