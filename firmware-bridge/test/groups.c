#include "check.h"

const struct test *const test_groups[] = {
    frame_tests,        contract_tests, session_tests,  command_tests, stop_tests, stop_line_tests,
    trial_tests,        drive_tests,    lockstep_tests, pendulum_tests, servo_tests, sts_tests,
    dxl_tests,          torque_motor_tests, heater_tests, odrive_tests, moteus_tests, 0};
