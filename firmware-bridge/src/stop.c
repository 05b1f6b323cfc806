#include "../core/stop.c"
