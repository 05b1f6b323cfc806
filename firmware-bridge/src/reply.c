#include "../core/reply.c"
