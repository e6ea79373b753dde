// A file to deploy: its text, and which format that is.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::ops {

/// script: it begins with `#!`. cxx: its name ends in .cc, .cpp, .cxx or .C. invalid_argument: it is neither, with
/// words for what it looks like.
schemas::Result<v1::Format> format_of(const std::filesystem::path& name, std::string_view text);

/// `-` is stdin. invalid_argument: it cannot be read, or is longer than an event may be.
schemas::Result<std::string> read_program(const std::string& name);

/// A program named with a `/` is meant from here, not from the service's directory.
std::string absolute_program(const std::string& program);

}  // namespace solo::ops
