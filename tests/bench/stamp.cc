// The service of the recovery benchmark: prints when it came to life (CLOCK_MONOTONIC, nanoseconds) and waits.
#include <time.h>
#include <unistd.h>

#include <cstdio>

int main() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  std::printf("%lld\n", static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec);
  std::fflush(stdout);
  for (;;) pause();
}
