#include "consumers/output_writers.h"

#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "consumers/proc.h"

namespace solo::consumers {

namespace {

using schemas::ServiceKey;

// Of output.log, of a copy of it, and of one that was removed, as /proc names that.
constexpr std::string_view kOutput = "output.log";

// TENANT/SERVICE/output.log under services.
std::optional<ServiceKey> service_of(const std::filesystem::path& services, const std::string& file) {
  if (!file.starts_with(services.native() + '/')) return std::nullopt;
  const std::string_view rest = std::string_view(file).substr(services.native().size() + 1);
  const std::size_t first = rest.find('/');
  const std::size_t second = first == std::string_view::npos ? first : rest.find('/', first + 1);
  if (second == std::string_view::npos || !rest.substr(second + 1).starts_with(kOutput)) return std::nullopt;
  auto tenant = schemas::TenantName::parse(rest.substr(0, first));
  auto service = schemas::ServiceName::parse(rest.substr(first + 1, second - first - 1));
  if (!tenant || !service) return std::nullopt;
  return ServiceKey{std::move(*tenant), std::move(*service)};
}

std::optional<ServiceKey> service_written_by(const std::filesystem::path& services, pid_t pid) {
  const std::filesystem::path process = "/proc/" + std::to_string(pid);
  std::error_code ignored;
  for (const char* link : {"fd/1", "fd/2"}) {
    auto service = service_of(services, std::filesystem::read_symlink(process / link, ignored).native());
    if (service) return service;
  }
  return std::nullopt;
}

bool is_there(const std::optional<proc::Stat>& stat) { return stat && !proc::has_ended(*stat); }

}  // namespace

std::vector<OutputWriter> output_writers(const std::filesystem::path& services,
                                         const std::function<bool(pid_t leader)>& known) {
  std::error_code ignored;
  // As the kernel names it, without links.
  const std::filesystem::path root = std::filesystem::weakly_canonical(services, ignored);
  std::vector<OutputWriter> writers;
  for (const pid_t pid : proc::user_pids()) {
    if (pid == ::getpid() || known(pid)) continue;
    auto service = service_written_by(root, pid);
    if (!service) continue;
    const auto stat = proc::read_stat(pid);
    if (!is_there(stat) || known(stat->session)) continue;
    const bool leader = stat->session == pid;
    if (!leader && is_there(proc::read_stat(stat->session))) continue;
    auto marker = proc::marker_of(pid, std::chrono::steady_clock::now() + proc::kExecTime);
    // Once more, now that its start time is known: its number may have been another's before.
    if (service_written_by(root, pid) != service) continue;
    writers.push_back(
        {Identity{pid, stat->start_time, proc::boot_id()}, *std::move(service), leader, std::move(marker)});
  }
  return writers;
}

}  // namespace solo::consumers
