#include "../core/drive.c"
