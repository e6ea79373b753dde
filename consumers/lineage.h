// Whom a process descends from, among processes that are known: by its session, or because one of its forefathers is
// one of them or in its session. Of a process that has left its session and lost its parents nothing is known.
//
// Reads /proc; the answer is a snapshot, like everything there. Threads: one at a time.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "consumers/process_host.h"

namespace solo::consumers {

class Lineage {
 public:
  /// One of those who are descended from; `name`: what root_of() calls it.
  void add_root(const Identity& identity, std::string name);

  /// Its name, if it is a root itself; empty: it is none.
  std::string_view name_of(const Identity& identity) const;

  /// The name of the nearest root that it descends from or is; nothing: of none.
  std::optional<std::string> root_of(pid_t pid) const;

 private:
  struct Root {
    Identity identity;
    std::string name;
  };
  const Root* root_at(pid_t pid) const;

  std::map<pid_t, Root> roots_;
};

}  // namespace solo::consumers
