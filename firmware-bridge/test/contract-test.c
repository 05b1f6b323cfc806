#include "check.h"
#include "session.h"
/* Written by the host's own generator, from the pendulum's contract. */
#include "contract.h"
#include "vectors.h"

static void the_generated_contract_is_the_hosts(void) {
  const struct sinew_target target = {.period_us = SINEW_CONTRACT_PERIOD_US,
                                      .channels = sinew_contract_channels,
                                      .observation_count = SINEW_CONTRACT_OBSERVATIONS,
                                      .action_count = SINEW_CONTRACT_ACTIONS};
  CHECK(sinew_contract_hash(&target) == CONTRACT_HASH);
  CHECK(sinew_drive_can_stop(&target));
}

const struct test contract_tests[] = {
    {"the generated contract is the host's", the_generated_contract_is_the_hosts},
    {0, 0},
};
