// What a service finds in its environment, and where its program is found. Pure but for the look at the PATH.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consumers/process_host.h"
#include "schemas/result.h"

namespace solo::v1 {
struct SpecT;
}

namespace solo::consumers {

/// What services get when their spec's env does not say otherwise.
struct EnvironmentDefaults {
  std::string path;
  std::string lang;
  std::string timezone;
};

/// NAME=VALUE: the marker first, then PATH, HOME, LANG and TZ, then the spec's env, which may replace those four.
/// Nothing of the daemon's own.
std::vector<std::string> service_environment(const Marker& marker, const std::string& home, const v1::SpecT& spec,
                                             const EnvironmentDefaults& defaults);

/// The value of a NAME in an environment; empty: it is not there.
std::string_view environment_value(const std::vector<std::string>& environment, std::string_view name);

/// The absolute path of a program: itself, or the first executable file of that name on the PATH.
/// not_found, permission_denied, invalid_argument (relative, with a slash).
schemas::Result<std::string> find_program(const std::string& program, std::string_view path);

}  // namespace solo::consumers
