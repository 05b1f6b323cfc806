/* The floor of a host on a serial line: write, poll, read, in C.
     trip <path> <round trips>   prints {"p50Us":...,"p99Us":...,"cpuUs":...} */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double cpu_us(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static int trip(int fd, const char *request, size_t length) {
  char bytes[4096];
  if (write(fd, request, length) != (ssize_t)length) return -1;
  for (;;) {
    struct pollfd line = {.fd = fd, .events = POLLIN};
    if (poll(&line, 1, 1000) <= 0) return -1;
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got <= 0) return -1;
    if (bytes[got - 1] == 0) return 0;
  }
}

static int later(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  const int trips = atoi(arguments[2]), warm = trips / 10;
  const int fd = open(arguments[1], O_RDWR | O_NOCTTY);
  double *times = malloc(sizeof(double) * (size_t)trips);
  if (fd < 0 || trips < 10 || times == NULL) return 2;
  struct termios line;
  tcgetattr(fd, &line);
  cfmakeraw(&line);
  tcsetattr(fd, TCSANOW, &line);
  char request[34];
  memset(request, 1, sizeof request);
  request[sizeof request - 1] = 0;
  double cpu = 0;
  for (int i = -warm; i < trips; i++) {
    if (i == 0) cpu = cpu_us();
    const double start = now_us();
    if (trip(fd, request, sizeof request) != 0) return 1;
    if (i >= 0) times[i] = now_us() - start;
  }
  cpu = (cpu_us() - cpu) / trips;
  qsort(times, (size_t)trips, sizeof(double), later);
  printf("{\"p50Us\":%.2f,\"p99Us\":%.2f,\"cpuUs\":%.2f}\n", times[trips / 2],
         times[trips - 1 - trips / 100], cpu);
  return 0;
}
