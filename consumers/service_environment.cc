#include "consumers/service_environment.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "schemas/schemas.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

void set(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  const std::string prefix = name + "=";
  const auto found = std::find_if(environment.begin(), environment.end(),
                                  [&](const std::string& entry) { return entry.starts_with(prefix); });
  if (found == environment.end()) {
    environment.push_back(prefix + value);
  } else {
    *found = prefix + value;
  }
}

// Why this file cannot be run; nothing: it can.
std::optional<schemas::Error> check_executable(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return schemas::Error{ErrorCode::not_found, "program not found: " + path};
  if (!S_ISREG(about.st_mode)) return schemas::Error{ErrorCode::permission_denied, path + " is no regular file"};
  if (::access(path.c_str(), X_OK) != 0) {
    return schemas::Error{ErrorCode::permission_denied, path + " is not executable"};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> service_environment(const Marker& marker, const std::string& home, const v1::SpecT& spec,
                                             const EnvironmentDefaults& defaults) {
  std::vector<std::string> environment{
      "SOLO_LOG=" + marker.log,
      "SOLO_NODE=" + marker.node,
      "SOLO_TENANT=" + marker.tenant,
      "SOLO_SERVICE=" + marker.service,
      "SOLO_GENERATION=" + std::to_string(marker.generation),
      "SOLO_INSTANCE=" + marker.instance,
      "PATH=" + defaults.path,
      "HOME=" + home,
      "LANG=" + defaults.lang,
      "TZ=" + defaults.timezone,
  };
  for (const auto& variable : spec.env) {
    if (variable && !variable->name.starts_with("SOLO_")) set(environment, variable->name, variable->value);
  }
  return environment;
}

std::string_view environment_value(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string_view entry : environment) {
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with("=")) return entry.substr(name.size() + 1);
  }
  return {};
}

Result<std::string> find_program(const std::string& program, std::string_view path) {
  if (program.starts_with("/")) {
    if (auto problem = check_executable(program)) return schemas::fail(*std::move(problem));
    return program;
  }
  if (program.find('/') != std::string::npos) {
    return schemas::fail(ErrorCode::invalid_argument,
                         "program " + program + " is neither an absolute path nor a name to look for on the PATH");
  }
  std::optional<schemas::Error> nearest;
  while (!path.empty()) {
    const std::string_view folder = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(folder.size() + 1, path.size()));
    if (!folder.starts_with("/")) continue;
    std::string candidate = std::string(folder) + "/" + program;
    auto problem = check_executable(candidate);
    if (!problem) return candidate;
    if (problem->code != ErrorCode::not_found && !nearest) nearest = std::move(problem);
  }
  if (nearest) return schemas::fail(*std::move(nearest));
  return schemas::fail(ErrorCode::not_found, "program not found on the PATH: " + program);
}

}  // namespace solo::consumers
