/* The rings and the loop of ports/board.c, with the interrupts played by the test. The file itself
   is included, so that a test can set the indices just before they wrap. */
#include <setjmp.h>
#include <string.h>

#include "board.c"
#include "check.h"

#define INDEX_LAST ((sinew_index)-1)

static uint32_t clock_us;
static jmp_buf out;

/* What a test does where the loop would sleep, by the number of the sleep from 0, until `leave`. */
static void (*asleep)(uint32_t sleeps);
static uint32_t sleeps;
static uint32_t kicks;
static uint32_t alive_calls;

/* Frames on the line, as the UART would send them. */
static struct sinew_decoder line;
static uint32_t good_frames;
static uint32_t bad_frames;
static uint8_t stats_frame[SINEW_FRAME_MAX];

static uint32_t now_us(void) { return clock_us; }

static void send_one(uint8_t byte) {
  const enum sinew_push push = sinew_decoder_push(&line, byte);
  if (push == SINEW_PUSH_MORE) return;
  good_frames += push == SINEW_PUSH_GOOD;
  bad_frames += push != SINEW_PUSH_GOOD;
  if (line.bytes[0] == SINEW_STATS) memcpy(stats_frame, line.bytes, sizeof stats_frame);
}

static void drain(void) {
  uint8_t byte;
  while (sinew_board_next(&byte)) send_one(byte);
}

static void kick(void) { kicks++; }

static void pretend_to_sleep(uint32_t until_us) {
  CHECK(!sinew_reached(clock_us, until_us));
  asleep(sleeps++);
}

static void alive(void) { alive_calls++; }

static bool stop_opened;

static bool stop_open(void) { return stop_opened; }

static void leave(void) { longjmp(out, 1); }

static const struct sinew_board bench = {.name = "bench",
                                         .now_us = now_us,
                                         .kick = kick,
                                         .sleep = pretend_to_sleep,
                                         .alive = alive,
                                         .stop_open = stop_open};

static void still_start(void) {}
static bool still_tick(const float *applied, const bool *driven) {
  CHECK(applied[0] == 0.0f && !driven[0]);
  return true;
}
static void still_observe(float *observation) { observation[0] = 1.0f; }

static const struct sinew_channel still_channels[] = {
    {.name = "load", .unit = "N", .low = -5.0f, .high = 5.0f},
    {.name = "push", .unit = "N", .low = -1.0f, .high = 1.0f}};

static const struct sinew_target still = {.name = "still",
                                          .period_us = 10000,
                                          .channels = still_channels,
                                          .observation_count = 1,
                                          .action_count = 1,
                                          .start = still_start,
                                          .tick = still_tick,
                                          .observe = still_observe};

/* The loop from a start with both rings empty at `index`, until `body` leaves. */
static void run_loop(sinew_index index, void (*body)(uint32_t sleeps)) {
  rx_written = rx_read = tx_written = tx_read = index;
  rx_ends = rx_ends_read = index;
  rx_lost = 0;
  sleeps = kicks = alive_calls = good_frames = bad_frames = 0;
  clock_us = 0;
  memset(&line, 0, sizeof line);
  memset(stats_frame, 0, sizeof stats_frame);
  asleep = body;
  if (setjmp(out) == 0) sinew_board_run(&bench, &still, 1);
}

static size_t encode(uint8_t type, uint8_t *wire) {
  uint8_t frame[16] = {type};
  return sinew_frame_encode(frame, 3, wire);
}

static void receive_frame_of(uint8_t type) {
  uint8_t wire[32];
  const size_t length = encode(type, wire);
  for (size_t at = 0; at < length; at++) sinew_board_receive(wire[at]);
}

static void rings_wrap(void) {
  const sinew_index starts[] = {0, INDEX_LAST - 5u, INDEX_LAST, SINEW_RX_BYTES - 1u};
  for (int at = 0; at < 4; at++) {
    rx_written = rx_read = tx_written = tx_read = starts[at];
    uint8_t next_in = 0, next_out = 0;
    for (uint32_t round = 0; round < 3000; round++) {
      const uint32_t count = random_word() % 60;
      uint8_t bytes[60];
      for (uint32_t i = 0; i < count; i++) bytes[i] = next_in++;
      CHECK(tx(bytes, count));
      uint8_t byte;
      for (uint32_t i = 0; i < count; i++) {
        CHECK(sinew_board_sends() && sinew_board_next(&byte) && byte == next_out++);
      }
      CHECK(!sinew_board_sends() && !sinew_board_next(&byte));
    }
  }
}

static void a_full_tx_ring_takes_all_or_nothing(void) {
  uint8_t bytes[SINEW_TX_BYTES];
  memset(bytes, 7, sizeof bytes);
  const sinew_index starts[] = {0, INDEX_LAST - 100u};
  for (int at = 0; at < 2; at++) {
    tx_written = tx_read = starts[at];
    CHECK(!tx(bytes, SINEW_TX_BYTES) && !sinew_board_sends());
    CHECK(tx(bytes, SINEW_TX_BYTES - 1u));
    CHECK(!tx(bytes, 1) && tx(bytes, 0));
    uint8_t byte;
    for (int taken = 0; taken < 10; taken++) CHECK(sinew_board_next(&byte));
    CHECK(!tx(bytes, 11) && tx(bytes, 10) && !tx(bytes, 1));
    uint32_t left = 0;
    while (sinew_board_next(&byte)) left += byte == 7;
    CHECK(left == SINEW_TX_BYTES - 1u);
  }
}

static void a_full_rx_ring_loses_what_comes_and_keeps_what_came(void) {
  const sinew_index starts[] = {0, INDEX_LAST - 3u};
  for (int at = 0; at < 2; at++) {
    rx_written = rx_read = starts[at];
    rx_lost = 0;
    CHECK(!sinew_board_heard());
    for (uint32_t i = 0; i < SINEW_RX_BYTES - 1u; i++) sinew_board_receive((uint8_t)i);
    CHECK(sinew_board_heard() && rx_lost == 0);
    for (uint32_t i = 0; i < 20; i++) sinew_board_receive(99);
    sinew_board_lose();
    CHECK(rx_lost == 21);
    for (uint32_t i = 0; i < SINEW_RX_BYTES - 1u; i++) {
      CHECK(rx_ring[(sinew_index)(starts[at] + i) % SINEW_RX_BYTES] == (uint8_t)i);
    }
  }
}

static void ask_over_and_over(uint32_t at) {
  drain();
  CHECK(good_frames >= at && bad_frames == 0);
  if (at == 2000) leave();
  clock_us += 100;
  receive_frame_of(SINEW_ASK_STATS);
}

static void frames_go_round_the_rings(void) {
  run_loop(0, ask_over_and_over);
  CHECK(sinew_get_u32(stats_frame + SINEW_STATS_FRAMES) >= 1999);
  run_loop(INDEX_LAST - 50u, ask_over_and_over);
  CHECK(sinew_get_u32(stats_frame + SINEW_STATS_BAD_FRAME) == 0);
  CHECK(sinew_get_u32(stats_frame + SINEW_STATS_BAD_CRC) == 0);
  CHECK(kicks > 1000 && alive_calls > 2000);
}

/* Nothing leaves the line for a while: whole frames are lost, never a part of one. */
static void line_that_stands(uint32_t at) {
  clock_us += SINEW_TICK_US;
  receive_frame_of(SINEW_ASK_STATS);
  if (at < 300) return;
  drain();
  CHECK(bad_frames == 0);
  if (at == 600) leave();
}

static void a_line_that_stands_breaks_no_frame(void) {
  run_loop((sinew_index)(INDEX_LAST - 700u), line_that_stands);
  CHECK(good_frames > 300 && good_frames < 700);
}

/* More bytes than the ring holds at once, then a question. */
static void flood(uint32_t at) {
  clock_us += SINEW_TICK_US;
  drain();
  if (at == 0) {
    for (uint32_t i = 0; i < SINEW_RX_BYTES + 100u; i++) sinew_board_receive(0);
  } else if (at == 50) {
    receive_frame_of(SINEW_ASK_STATS);
  } else if (at == 60) {
    leave();
  }
}

static void what_was_lost_is_told(void) {
  run_loop(0, flood);
  CHECK(sinew_get_u32(stats_frame + SINEW_STATS_RX_OVERFLOW) == 101);
  /* Modulo what an index holds: the loop looks often enough. */
  CHECK(sinew_get_u32(stats_frame + SINEW_STATS_TICKS) >= 50);
}

/* A round takes so many bytes and no more, then the turns are done; the next takes the rest. */
static void two_rounds_of_bytes(uint32_t at) {
  if (at == 0) {
    clock_us = SINEW_TICK_US;
    for (uint32_t i = 0; i < RX_TURN_BYTES + 10u; i++) sinew_board_receive(0);
  } else if (at == 1) {
    CHECK(alive_calls == RX_TURN_BYTES + 1u && session.stats.ticks == 1);
    CHECK(sinew_board_heard());
  } else {
    CHECK(alive_calls == 10u + 1u && !sinew_board_heard());
    leave();
  }
  alive_calls = 0;
}

static void a_flood_does_not_hold_up_the_turns(void) { run_loop(0, two_rounds_of_bytes); }

/* What a port sleeps on through is taken with the rest, or with the next turn. */
static void frame_in_parts(uint32_t at) {
  static uint8_t wire[32];
  const size_t length = encode(SINEW_ASK_STATS, wire);
  clock_us += SINEW_TICK_US;
  drain();
  if (at == 0) {
    for (size_t i = 0; i + 1 < length; i++) sinew_board_receive(wire[i]);
    CHECK(sinew_board_heard() && !sinew_board_due());
  } else if (at == 1) {
    CHECK(!sinew_board_heard() && !sinew_board_due());
    sinew_board_receive(wire[length - 1]);
    CHECK(sinew_board_due());
  } else if (at == 2) {
    CHECK(!sinew_board_due() && good_frames > 0);
    for (uint32_t i = 1; i < RX_TURN_BYTES; i++) sinew_board_receive(1);
    CHECK(!sinew_board_due());
    sinew_board_receive(1);
    CHECK(sinew_board_due());
  } else {
    CHECK(!sinew_board_due());
    leave();
  }
}

static void the_end_of_a_frame_is_due(void) {
  run_loop(0, frame_in_parts);
  CHECK(sinew_get_u32(stats_frame + SINEW_STATS_FRAMES) == 1);
  run_loop(INDEX_LAST, frame_in_parts);
}

static void open_in_the_middle(uint32_t at) {
  clock_us += SINEW_TICK_US;
  drain();
  if (at == 20) {
    CHECK(session.stop_line.state == SINEW_STOP_LINE_CLOSED);
    stop_opened = true;
  } else if (at == 40) {
    CHECK(session.stop_line.state == SINEW_STOP_LINE_OPEN);
    stop_opened = false;
    leave();
  }
}

static void the_loop_reads_the_stop_line(void) { run_loop(0, open_in_the_middle); }

static const struct test board_tests[] = {
    {"the rings wrap", rings_wrap},
    {"a full ring out takes all or nothing", a_full_tx_ring_takes_all_or_nothing},
    {"a full ring in keeps what came", a_full_rx_ring_loses_what_comes_and_keeps_what_came},
    {"frames go round the rings", frames_go_round_the_rings},
    {"a line that stands breaks no frame", a_line_that_stands_breaks_no_frame},
    {"what was lost is told", what_was_lost_is_told},
    {"a flood does not hold up the turns", a_flood_does_not_hold_up_the_turns},
    {"the end of a frame is due", the_end_of_a_frame_is_due},
    {"the loop reads the board's stop line", the_loop_reads_the_stop_line},
    {0, 0},
};

const struct test *const test_groups[] = {board_tests, 0};
