/* The least that a program with the core is, for tools/core-size.ts: no chip, nothing driven. */
#include "session.h"

static const struct sinew_channel channels[] = {{.name = "seen", .unit = "1"},
                                                {.name = "done", .unit = "1"}};
static struct sinew_session session;

static uint32_t now_us(void) { return 0; }

static bool tx(const uint8_t *bytes, size_t length) { return bytes != NULL && length > 0; }

static void start(void) {}

static bool tick(const float *applied, const bool *driven) { return applied[0] == 0 || driven[0]; }

static void observe(float *observation) { observation[0] = 0; }

static const struct sinew_hal hal = {now_us, tx, "none", NULL};
static const struct sinew_target target = {"none", 20000, channels, 1,       1,
                                           false,  start, tick,     observe};
/* What a line would bring. */
volatile uint8_t byte;

int main(void) {
  if (!sinew_session_start(&session, &hal, &target, 1)) return 1;
  for (;;) {
    sinew_session_receive(&session, byte);
    sinew_session_run(&session);
  }
}
