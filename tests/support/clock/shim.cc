// Preloaded into a daemon: its wall clock is off by what stands in the file that SOLO_TEST_CLOCK names (an int64 of
// seconds, mapped, so that a test can change it at any moment). The monotonic clocks are left alone.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

const volatile std::int64_t* offset() {
  static const volatile std::int64_t* const mapped = [] {
    const char* name = std::getenv("SOLO_TEST_CLOCK");
    const int file = name == nullptr ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    void* page = file < 0 ? MAP_FAILED : mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    static const std::int64_t none = 0;
    return page == MAP_FAILED ? &none : static_cast<const volatile std::int64_t*>(page);
  }();
  return mapped;
}

bool is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

using ClockGettime = int (*)(clockid_t, timespec*);

int real_clock_gettime(clockid_t clock, timespec* now) {
  static const auto real = reinterpret_cast<ClockGettime>(dlsym(RTLD_NEXT, "clock_gettime"));
  return real(clock, now);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) {
  const int result = real_clock_gettime(clock, now);
  if (result == 0 && is_wall(clock)) now->tv_sec += *offset();
  return result;
}

int gettimeofday(timeval* now, void*) {
  timespec time{};
  if (clock_gettime(CLOCK_REALTIME, &time) != 0) return -1;
  now->tv_sec = time.tv_sec;
  now->tv_usec = time.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* now) {
  timespec moment{};
  clock_gettime(CLOCK_REALTIME, &moment);
  if (now != nullptr) *now = moment.tv_sec;
  return moment.tv_sec;
}
}
