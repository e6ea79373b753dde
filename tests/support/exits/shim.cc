// Preloaded into a daemon: while the file that SOLO_TEST_LOSE_EXITS names is there, the ends of processes that it
// begins to watch are never told to it, as if the kernel had lost them.
#include <dlfcn.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

bool is_pidfd(int file) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  char target[64];
  const ssize_t size = readlink(link, target, sizeof target);
  return size > 0 && std::string_view(target, static_cast<std::size_t>(size)) == "anon_inode:[pidfd]";
}

bool loses() {
  const char* file = std::getenv("SOLO_TEST_LOSE_EXITS");
  return file != nullptr && access(file, F_OK) == 0;
}

}  // namespace

extern "C" int epoll_ctl(int epoll, int operation, int file, epoll_event* event) {
  using EpollCtl = int(int, int, int, epoll_event*);
  static auto* const next = reinterpret_cast<EpollCtl*>(dlsym(RTLD_NEXT, "epoll_ctl"));
  if (operation == EPOLL_CTL_ADD && is_pidfd(file) && loses()) return 0;
  return next(epoll, operation, file, event);
}
