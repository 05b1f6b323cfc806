#include "../core/session.c"
