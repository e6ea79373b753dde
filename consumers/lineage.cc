#include "consumers/lineage.h"

#include <utility>

#include "consumers/proc.h"

namespace solo::consumers {

namespace {

// A chain of parents longer than this is somebody's game.
constexpr int kMostParents = 256;

}  // namespace

void Lineage::add_root(const Identity& identity, std::string name) {
  if (identity.pid > 1) roots_[identity.pid] = Root{identity, std::move(name)};
}

std::string_view Lineage::name_of(const Identity& identity) const {
  const auto found = roots_.find(identity.pid);
  return found != roots_.end() && found->second.identity == identity ? std::string_view(found->second.name) : "";
}

const Lineage::Root* Lineage::root_at(pid_t pid) const {
  const auto found = roots_.find(pid);
  if (found == roots_.end()) return nullptr;
  // A session's number stays taken while it has members, its leader's end or not.
  const auto now = proc::identity_of(pid);
  return !now || *now == found->second.identity ? &found->second : nullptr;
}

std::optional<std::string> Lineage::root_of(pid_t pid) const {
  if (roots_.empty()) return std::nullopt;
  for (int parents = 0; pid > 1 && parents < kMostParents; ++parents) {
    const auto stat = proc::read_stat(pid);
    if (!stat) return std::nullopt;
    for (const pid_t number : {pid, stat->session}) {
      if (const Root* root = root_at(number)) return root->name;
    }
    pid = stat->parent;
  }
  return std::nullopt;
}

}  // namespace solo::consumers
