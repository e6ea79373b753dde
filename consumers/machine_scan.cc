#include "consumers/machine_scan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "consumers/lineage.h"
#include "consumers/proc.h"
#include "consumers/process_identity.h"
#include "consumers/recovery_plan.h"
#include "schemas/text.h"

namespace solo::consumers {

namespace {

using schemas::ServiceKey;

constexpr std::size_t kDigestDigits = 64;
/// An artifact's path is in the first of a command line.
constexpr std::size_t kMaxCommandLine = 64 * 1024;
/// Of a command line, in a report.
constexpr std::size_t kMaxCommand = 200;

bool has_code(const Desired& desired, const Marker& marker) {
  const auto service = desired.services.find(
      {schemas::TenantName::trusted(marker.tenant), schemas::ServiceName::trusted(marker.service)});
  return service != desired.services.end() && service->second.record.current &&
         !service->second.record.current->code_digest.empty();
}

/// What descends from this is a compiler's, and no service's. No instance is called so.
constexpr const char* kCompiler = "compiler ";

/// What the runtime has started: instances, by their names, and compilers.
Lineage lineage_of(const v1::InventoryReportT& inventory) {
  Lineage lineage;
  for (const auto& entry : inventory.services) {
    if (entry->process && !entry->instance.empty()) lineage.add_root(identity_of(*entry->process), entry->instance);
  }
  for (const auto& compiler : inventory.compilers) lineage.add_root(identity_of(*compiler), kCompiler);
  return lineage;
}

std::string command_line(std::int32_t pid, std::size_t most) {
  return proc::read_small_file("/proc/" + std::to_string(pid) + "/cmdline", most);
}

/// For people: arguments apart by spaces.
std::string command_in_words(std::int32_t pid) {
  std::string line = command_line(pid, kMaxCommand + 1);
  while (!line.empty() && line.back() == '\0') line.pop_back();
  std::replace(line.begin(), line.end(), '\0', ' ');
  return schemas::escape(line, kMaxCommand);
}

class IdentityScan {
 public:
  IdentityScan(ProcessHost& host, const ScanOrder& order, Observed& observed)
      : host_(host), order_(order), observed_(observed) {
    for (const SeenProcess& process : observed) seen_.insert(process.found.identity.pid);
  }

  void look(const std::string& tenant, const std::string& service, const RecordedProcess& recorded) {
    if (recorded.identity.pid == 0 || !seen_.insert(recorded.identity.pid).second) return;
    if (!host_.adopt(recorded.identity, std::nullopt)) return;
    Marker marker{order_.log, order_.node, tenant, service, recorded.generation, recorded.instance};
    observed_.push_back({FoundProcess{recorded.identity, std::move(marker), true}, {}});
  }

 private:
  ProcessHost& host_;
  const ScanOrder& order_;
  Observed& observed_;
  std::set<std::int32_t> seen_;
};

}  // namespace

std::string code_digest_in(std::string_view command_line) {
  for (const std::string_view folder : {"/artifacts/script-", "/artifacts/cxx-"}) {
    const std::size_t at = command_line.find(folder);
    if (at == std::string_view::npos) continue;
    const std::string_view digest = command_line.substr(at + folder.size(), kDigestDigits);
    const bool whole =
        digest.size() == kDigestDigits && digest.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (whole) return std::string(digest);
  }
  return {};
}

schemas::Result<Observed> scan_machine(ProcessHost& host, const ScanOrder& order) {
  auto found = host.scan(order.log, {});
  if (!found) return schemas::fail(std::move(found.error()));
  const Lineage lineage = lineage_of(order.inventory);
  std::set<std::string_view> held;
  for (const auto& entry : order.inventory.services) held.insert(entry->instance);
  Observed observed;
  observed.reserve(found->size());
  for (FoundProcess& process : *found) {
    const std::int32_t pid = process.identity.pid;
    // One that runs under another marker by now than it was spawned with is found by its identity.
    const std::string_view own = lineage.name_of(process.identity);
    if (!own.empty() && (!process.damage.empty() || own != process.marker.instance)) continue;
    SeenProcess seen{std::move(process)};
    if (!seen.found.damage.empty() || !held.contains(seen.found.marker.instance)) {
      seen.holder = lineage.root_of(pid).value_or("");
      if (seen.holder == kCompiler) continue;
      seen.command = command_in_words(pid);
    } else if (seen.found.leader && has_code(order.desired, seen.found.marker)) {
      seen.code_digest = code_digest_in(command_line(pid, kMaxCommandLine));
    }
    observed.push_back(std::move(seen));
  }
  IdentityScan by_identity(host, order, observed);
  for (const auto& [key, service] : order.desired.services) {
    for (const RecordedProcess& recorded : recorded_processes(service.record)) {
      by_identity.look(key.tenant.str(), key.service.str(), recorded);
    }
  }
  for (const auto& entry : order.inventory.services) {
    if (!entry->process || entry->instance.empty()) continue;
    by_identity.look(entry->tenant, entry->service, {identity_of(*entry->process), entry->instance, entry->generation});
  }
  return observed;
}

}  // namespace solo::consumers
