#include "../core/frame.c"
