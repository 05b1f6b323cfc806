/* A device in few lines, on the pty's master as standard input and output: answers each request,
   which ends with a 0, with a STATE's worth of bytes. What is shorter than a command, such as a
   bridge's question who is there, is not answered. */
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments) {
  (void)arguments;
  char answer[90];
  memset(answer, 1, sizeof answer);
  answer[sizeof answer - 1] = 0;
  char bytes[4096];
  size_t held = 0;
  for (;;) {
    const ssize_t length = read(STDIN_FILENO, bytes, sizeof bytes);
    if (length <= 0) return count > 99;
    for (ssize_t at = 0; at < length; at++) {
      held++;
      if (bytes[at] != 0) continue;
      if (held >= 24 && write(STDOUT_FILENO, answer, sizeof answer) < 0) return 1;
      held = 0;
    }
  }
}
