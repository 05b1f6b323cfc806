#include "dxl-bus.h"

#include <stdbool.h>
#include <string.h>

enum { PING = 1, READ = 2, WRITE = 3, STATUS = 0x55, SYNC_READ = 0x82, SYNC_WRITE = 0x83 };

#define BROADCAST 0xfeu
/* Marks, id and length before the instruction. */
#define HEADER 7u
#define CRC_BYTES 2u
#define MIDDLE 2048u
/* A third of what a servo tells may be doubled. */
#define TOLD_MAX ((SINEW_SERVO_PACKET_MAX - HEADER - 2u - CRC_BYTES) * 3u / 4u)

static const uint8_t marks[] = {0xff, 0xff, 0xfd, 0x00};

uint16_t sinew_dxl_crc(const uint8_t *bytes, size_t length) {
  uint32_t crc = 0;
  for (size_t at = 0; at < length; at++) {
    crc ^= (uint32_t)bytes[at] << 8;
    for (int bit = 0; bit < 8; bit++) crc = crc << 1 ^ ((crc & 0x8000u) != 0 ? 0x8005u : 0u);
  }
  return (uint16_t)crc;
}

static uint32_t word_at(const uint8_t *bytes) { return bytes[0] | (uint32_t)bytes[1] << 8; }

/* Whether the first so many of the marks are there. */
static bool has_marks(const uint8_t *bytes, size_t count) {
  size_t at = 0;
  while (at < count && bytes[at] == marks[at]) at++;
  return at == count;
}

/* Whether FF FF FD ends before `end`, none of it before the instruction. */
static bool ends_marks(const uint8_t *bytes, size_t end) {
  return end >= HEADER + 3u && has_marks(bytes + end - 3, 3);
}

void sinew_dxl_bus_start(struct sinew_dxl_bus *bus, uint32_t now_us) {
  memset(bus, 0, sizeof *bus);
  for (uint8_t at = 0; at < SINEW_SERVOS; at++) {
    sinew_dxl_start(&bus->servos[at], (uint8_t)(at + 1u), MIDDLE);
    bus->servos[at].heard_us = now_us;
  }
  sinew_servo_line_start(&bus->line, now_us);
}

/* The servo of that id, which has now been spoken to; NULL where there is none. */
static struct sinew_dxl_servo *call(struct sinew_dxl_bus *bus, uint8_t id, uint32_t now_us) {
  for (size_t at = 0; at < SINEW_SERVOS; at++) {
    struct sinew_dxl_servo *servo = &bus->servos[at];
    if (servo->table[SINEW_DXL_ID] != id) continue;
    servo->heard_us = now_us;
    return servo;
  }
  return NULL;
}

static uint32_t delay_us(const struct sinew_dxl_servo *servo) {
  return servo->table[SINEW_DXL_RETURN_DELAY] * 2u;
}

static void answer(struct sinew_dxl_bus *bus, struct sinew_dxl_servo *servo, uint8_t error,
                   uint32_t address, uint32_t count, uint32_t now_us) {
  if (servo == NULL) return;
  const bool there = address + count <= SINEW_DXL_TABLE && count <= TOLD_MAX;
  const struct sinew_servo_answer one = {.servo = (uint8_t)(servo - bus->servos),
                                         .error = there ? error : SINEW_DXL_ACCESS,
                                         .address = (uint8_t)(there ? address : 0u),
                                         .count = (uint8_t)(there ? count : 0u)};
  sinew_servo_line_add(&bus->line, one, now_us + delay_us(servo));
}

static void take_for_all(struct sinew_dxl_bus *bus, uint8_t instruction, const uint8_t *parameters,
                         size_t count, uint32_t now_us) {
  if (count < 4) return;
  const uint32_t address = word_at(parameters);
  const uint32_t length = word_at(parameters + 2);
  for (size_t at = 4; at < count && instruction == SYNC_READ; at++) {
    answer(bus, call(bus, parameters[at], now_us), 0, address, length, now_us);
  }
  for (size_t at = 4; at + length < count && instruction == SYNC_WRITE; at += 1u + length) {
    struct sinew_dxl_servo *servo = call(bus, parameters[at], now_us);
    if (servo != NULL) (void)sinew_dxl_set(servo, address, parameters + at + 1, length);
  }
}

static void take(struct sinew_dxl_bus *bus, uint8_t id, uint8_t instruction,
                 const uint8_t *parameters, size_t count, uint32_t now_us) {
  if (instruction == STATUS) return;
  if (id == BROADCAST) {
    take_for_all(bus, instruction, parameters, count, now_us);
    return;
  }
  struct sinew_dxl_servo *servo = call(bus, id, now_us);
  if (servo == NULL) return;
  if (instruction == PING && count == 0) {
    const struct sinew_servo_answer one = {.servo = (uint8_t)(servo - bus->servos),
                                           .address = SINEW_DXL_PING,
                                           .count = SINEW_DXL_PING_BYTES};
    sinew_servo_line_add(&bus->line, one, now_us + delay_us(servo));
  } else if (instruction == READ && count == 4) {
    answer(bus, servo, 0, word_at(parameters), word_at(parameters + 2), now_us);
  } else if (instruction == WRITE && count >= 3) {
    const uint8_t error = sinew_dxl_set(servo, word_at(parameters), parameters + 2, count - 2u);
    answer(bus, servo, error, 0, 0, now_us);
  }
}

static void drop(struct sinew_dxl_bus *bus, size_t count) {
  bus->held_length -= count;
  for (size_t at = 0; at < bus->held_length; at++) bus->held[at] = bus->held[at + count];
}

static bool begins(const uint8_t *held, size_t length) {
  if (!has_marks(held, length < sizeof marks ? length : sizeof marks)) return false;
  const uint32_t body = length < HEADER ? 3u : word_at(held + 5);
  return body >= 3u && body <= SINEW_SERVO_PACKET_MAX - HEADER;
}

/* Takes out what was doubled; returns how many parameters are left behind the instruction. */
static size_t unstuff(uint8_t *packet, size_t end) {
  static uint8_t plain[SINEW_SERVO_PACKET_MAX];
  size_t count = 0;
  for (size_t at = HEADER + 1u; at < end; at++) {
    plain[count++] = packet[at];
    if (ends_marks(packet, at + 1u) && at + 1u < end && packet[at + 1u] == 0xfd) at++;
  }
  memcpy(packet + HEADER + 1u, plain, count);
  return count;
}

void sinew_dxl_bus_receive(struct sinew_dxl_bus *bus, uint8_t byte, uint32_t now_us) {
  uint8_t *held = bus->held;
  sinew_servo_line_hush(&bus->line);
  held[bus->held_length++] = byte;
  while (bus->held_length > 0) {
    if (!begins(held, bus->held_length)) {
      drop(bus, 1);
      continue;
    }
    if (bus->held_length < HEADER || bus->held_length < HEADER + word_at(held + 5)) return;
    const size_t end = HEADER + word_at(held + 5) - CRC_BYTES;
    if (word_at(held + end) == sinew_dxl_crc(held, end)) {
      const size_t count = unstuff(held, end);
      take(bus, held[4], held[HEADER], held + HEADER + 1u, count, now_us);
      drop(bus, end + CRC_BYTES);
    } else {
      drop(bus, 1);
    }
  }
}

uint32_t sinew_dxl_bus_run(struct sinew_dxl_bus *bus, uint32_t now_us) {
  while (sinew_servo_line_turns(&bus->line, now_us)) {
    for (size_t at = 0; at < SINEW_SERVOS; at++) sinew_dxl_tick(&bus->servos[at], now_us);
  }
  return sinew_servo_line_next_us(&bus->line);
}

/* Writes a byte, doubled where it ends what looks like marks; returns where the next one goes. */
static size_t stuff(uint8_t *out, size_t end, uint8_t byte) {
  out[end++] = byte;
  if (ends_marks(out, end)) out[end++] = 0xfd;
  return end;
}

size_t sinew_dxl_bus_answer(struct sinew_dxl_bus *bus, uint32_t now_us,
                            uint8_t out[SINEW_SERVO_PACKET_MAX]) {
  const struct sinew_servo_answer *due = sinew_servo_line_due(&bus->line, now_us);
  if (due == NULL) return 0;
  struct sinew_dxl_servo *servo = &bus->servos[due->servo];
  sinew_dxl_tell(servo);
  memcpy(out, marks, sizeof marks);
  out[4] = servo->table[SINEW_DXL_ID];
  size_t end = stuff(out, stuff(out, HEADER, STATUS), due->error);
  for (uint32_t at = 0; at < due->count; at++) {
    end = stuff(out, end, servo->table[due->address + at]);
  }
  const size_t body = end + CRC_BYTES - HEADER;
  out[5] = (uint8_t)body;
  out[6] = (uint8_t)(body >> 8);
  const uint16_t crc = sinew_dxl_crc(out, end);
  out[end++] = (uint8_t)crc;
  out[end++] = (uint8_t)(crc >> 8);
  const struct sinew_servo_answer *next = sinew_servo_line_said(&bus->line);
  if (next != NULL) bus->line.answer_due_us += delay_us(&bus->servos[next->servo]);
  return end;
}

static struct sinew_dxl_bus own;

static void start(uint32_t now_us) { sinew_dxl_bus_start(&own, now_us); }

static void receive(uint8_t byte, uint32_t now_us) { sinew_dxl_bus_receive(&own, byte, now_us); }

static uint32_t run(uint32_t now_us) { return sinew_dxl_bus_run(&own, now_us); }

static size_t say(uint32_t now_us, uint8_t out[SINEW_SERVO_PACKET_MAX]) {
  return sinew_dxl_bus_answer(&own, now_us, out);
}

const struct sinew_servo_bus sinew_dxl_bus_line = {start, receive, run, say};
