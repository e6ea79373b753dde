#include "consumers/descendants.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <system_error>
#include <utility>

#include "consumers/pidfd.h"
#include "consumers/proc.h"

namespace solo::consumers {

namespace {

// What starts others faster than it can be found is not waited for.
constexpr int kMostLooks = 8;

// A session's number stays taken as long as it has members. So if there is no process of that number, or only its dead
// leader, whoever is in the session is of that leader's.
bool owns_its_session(const EndedLeader& leader) {
  if (leader.unreaped) return true;
  const auto left = proc::read_stat(leader.identity.pid);
  return !left || proc::has_ended(*left);
}

// Works in that directory, or writes the service's output there.
bool belongs_in(const std::filesystem::path& home, pid_t pid) {
  const std::filesystem::path process = "/proc/" + std::to_string(pid);
  std::error_code ignored;
  for (const char* link : {"cwd", "fd/1", "fd/2"}) {
    const std::string target = std::filesystem::read_symlink(process / link, ignored);
    if (target == home || target.starts_with(home.native() + '/')) return true;
  }
  return false;
}

class Search {
 public:
  Search(const std::vector<EndedLeader>& leaders, const std::set<pid_t>& living) : leaders_(leaders), living_(living) {
    for (std::size_t at = 0; at < leaders_.size(); ++at) {
      const EndedLeader& leader = leaders_[at];
      if (owns_its_session(leader)) by_session_.emplace(leader.identity.pid, at);
      if (leader.marker) earliest_ = std::min(earliest_, leader.identity.start_time);
    }
  }

  // Known for no descendant by its number alone.
  bool is_leader(pid_t pid) const {
    if (living_.contains(pid)) return true;
    const auto at = by_session_.find(pid);
    return at != by_session_.end() && leaders_[at->second].unreaped;
  }

  // Whose descendant it is.
  std::optional<std::size_t> leader_of(const proc::Stat& stat) const {
    const auto owner = by_session_.find(stat.session);
    if (owner != by_session_.end() && stat.pid != stat.session) {
      const std::filesystem::path& home = leaders_[owner->second].home;
      if (home.empty() || belongs_in(home, stat.pid)) return owner->second;
      return std::nullopt;
    }
    // An environment is dearer to read than a line of numbers.
    if (stat.start_time < earliest_ || living_.contains(stat.session)) return std::nullopt;
    const auto marker = proc::marker_of(stat.pid, std::chrono::steady_clock::now() + proc::kExecTime);
    if (!marker) return std::nullopt;
    for (std::size_t at = 0; at < leaders_.size(); ++at) {
      if (leaders_[at].marker == *marker) return at;
    }
    return std::nullopt;
  }

  // Those found by one look.
  std::vector<KilledDescendant> look() const {
    std::vector<KilledDescendant> killed;
    for (const pid_t pid : proc::user_pids()) {
      if (pid == ::getpid() || is_leader(pid)) continue;
      const auto stat = proc::read_stat(pid);
      if (!stat || proc::has_ended(*stat) || !leader_of(*stat) || proc::is_ending(*stat)) continue;
      Descriptor pidfd(::pidfd_open(pid, 0));
      if (!pidfd) continue;
      // Again, now that the pidfd holds it: the number may have been another's before.
      const auto held = proc::read_stat(pid);
      const auto leader = held ? leader_of(*held) : std::nullopt;
      if (!leader || ::pidfd_send_signal(pidfd.get(), SIGKILL, nullptr, 0) != 0) continue;
      killed.push_back({*leader, std::move(pidfd)});
    }
    return killed;
  }

 private:
  const std::vector<EndedLeader>& leaders_;
  const std::set<pid_t>& living_;
  // Whose session is certainly its own.
  std::map<pid_t, std::size_t> by_session_;
  std::uint64_t earliest_ = UINT64_MAX;
};

}  // namespace

std::vector<KilledDescendant> kill_descendants(const std::vector<EndedLeader>& leaders, const std::set<pid_t>& living) {
  const Search search(leaders, living);
  std::vector<KilledDescendant> all;
  for (int looks = 0; looks < kMostLooks; ++looks) {
    auto killed = search.look();
    if (killed.empty()) break;
    std::move(killed.begin(), killed.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace solo::consumers
