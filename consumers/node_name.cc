#include <unistd.h>

#include <array>
#include <cctype>

#include "consumers/files.h"
#include "consumers/state_lock.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::NodeName;
using schemas::Result;

constexpr std::size_t kLongestLabel = 63;

// The host's name up to its first dot, with everything a label may not hold made a hyphen.
std::string label_of_host() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  std::string label;
  for (const char* at = name.data(); *at != '\0' && *at != '.' && label.size() < kLongestLabel; ++at) {
    const auto letter = static_cast<unsigned char>(*at);
    const char lower = static_cast<char>(std::tolower(letter));
    label += (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ? lower : '-';
  }
  while (!label.empty() && label.front() == '-') label.erase(0, 1);
  while (!label.empty() && label.back() == '-') label.pop_back();
  return label.empty() ? "node" : label;
}

}  // namespace

Result<NodeName> node_name(const std::filesystem::path& directory, const std::string& configured) {
  const std::filesystem::path path = directory / "node";
  auto kept = read_file(path);
  if (kept) {
    while (!kept->empty() && kept->back() == '\n') kept->pop_back();
    auto name = NodeName::parse(*kept);
    if (!name) {
      auto error = std::move(name.error());
      error.hint =
          "write this node's name into it (RuntimeClaimed in `solo log read` has it), or remove it to be named "
          "after the host";
      return schemas::fail_with(path.string(), std::move(error));
    }
    if (configured.empty() || configured == name->str()) return name;
    return schemas::fail(ErrorCode::failed_precondition,
                         "this state directory belongs to node " + name->str() + ", not " + configured,
                         "The name was kept in " + path.string() + " at the first start.");
  }
  if (kept.error().code != ErrorCode::not_found) return schemas::fail(std::move(kept.error()));
  auto name = NodeName::parse(configured.empty() ? label_of_host() : configured);
  if (!name) return name;
  if (auto written = write_file(path, name->str() + "\n", 0600); !written) {
    return schemas::fail(std::move(written.error()));
  }
  return name;
}

}  // namespace solo::consumers
