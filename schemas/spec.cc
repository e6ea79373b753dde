#include "schemas/spec.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "schemas/schemas.h"
#include "schemas/text.h"

namespace solo::schemas {
namespace {

constexpr std::chrono::milliseconds kCompileTimeout{60'000};
// The kernel reads no more of a script's first line.
constexpr std::size_t kMaxShebang = 255;

tl::unexpected<Error> refuse(std::string why, std::string hint = {}) {
  return fail(ErrorCode::invalid_argument, "spec: " + std::move(why), std::move(hint));
}

// A spec as a value, and one in its buffer, to be looked at in one way. An absent text is an empty one.
class NativeSpec {
 public:
  explicit NativeSpec(const v1::SpecT& spec) : spec_(spec) {}
  v1::Format format() const { return spec_.format; }
  v1::RestartPolicy restart() const { return spec_.restart; }
  std::string_view code() const { return spec_.code; }
  std::size_t arguments() const { return spec_.argv.size(); }
  std::string_view argument(std::size_t index) const { return spec_.argv[index]; }
  std::size_t variables() const { return spec_.env.size(); }
  std::string_view name(std::size_t index) const { return spec_.env[index]->name; }
  std::string_view value(std::size_t index) const { return spec_.env[index]->value; }

 private:
  const v1::SpecT& spec_;
};

class StoredSpec {
 public:
  explicit StoredSpec(const v1::Spec& spec) : spec_(spec) {}
  v1::Format format() const { return spec_.format(); }
  v1::RestartPolicy restart() const { return spec_.restart(); }
  std::string_view code() const { return text(spec_.code()); }
  std::size_t arguments() const { return spec_.argv() == nullptr ? 0 : spec_.argv()->size(); }
  std::string_view argument(std::size_t index) const { return text(spec_.argv()->Get(at(index))); }
  std::size_t variables() const { return spec_.env() == nullptr ? 0 : spec_.env()->size(); }
  std::string_view name(std::size_t index) const { return text(spec_.env()->Get(at(index))->name()); }
  std::string_view value(std::size_t index) const { return text(spec_.env()->Get(at(index))->value()); }

 private:
  static flatbuffers::uoffset_t at(std::size_t index) { return static_cast<flatbuffers::uoffset_t>(index); }
  static std::string_view text(const flatbuffers::String* text) {
    return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
  }

  const v1::Spec& spec_;
};

// What exec and a file can hold: UTF-8 without NUL. `where` makes its name.
template <class Where>
Result<void> check_text(const Where& where, std::string_view text, std::size_t limit) {
  if (text.size() > limit) return refuse(where() + " is longer than " + std::to_string(limit) + " bytes");
  if (text.find('\0') != std::string_view::npos) return refuse(where() + " has a NUL byte");
  if (!is_utf8(text)) return refuse(where() + " is not UTF-8");
  return {};
}

template <class Spec>
Result<void> check_argv(const Spec& spec, std::size_t& total) {
  if (spec.arguments() > kMaxArguments)
    return refuse("argv has more than " + std::to_string(kMaxArguments) + " entries");
  for (std::size_t index = 0; index < spec.arguments(); ++index) {
    const std::string_view argument = spec.argument(index);
    const auto where = [index] { return "argv[" + std::to_string(index) + "]"; };
    if (auto good = check_text(where, argument, kMaxArgumentBytes); !good) return good;
    total += argument.size();
  }
  return {};
}

bool is_env_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && name.size() <= kMaxEnvNameBytes && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

template <class Spec>
Result<void> check_env(const Spec& spec, std::size_t& total) {
  if (spec.variables() > kMaxEnvironment)
    return refuse("env has more than " + std::to_string(kMaxEnvironment) + " entries");
  std::vector<std::string_view> names;
  for (std::size_t index = 0; index < spec.variables(); ++index) {
    const std::string_view name = spec.name(index);
    if (!is_env_name(name))
      return refuse("env name " + quote(name) + " is not one", "letters, digits and '_', not beginning with a digit");
    if (name.starts_with("SOLO_")) {
      return refuse("env " + std::string(name) + " is not yours to set",
                    "names that begin with SOLO_ are kept for Solo");
    }
    const auto where = [name] { return "env " + std::string(name); };
    if (auto good = check_text(where, spec.value(index), kMaxArgumentBytes); !good) return good;
    total += name.size() + spec.value(index).size();
    names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    return refuse("env " + std::string(*twice) + " is there twice");
  }
  return {};
}

Result<void> check_shebang(std::string_view code) {
  const std::string_view line = code.substr(0, code.find('\n'));
  if (!line.starts_with("#!"))
    return refuse("the script has no shebang", "its first line names its interpreter: #!/bin/sh");
  const std::size_t start = line.find_first_not_of(" \t", 2);
  if (start == std::string_view::npos || line[start] != '/') {
    return refuse("the script's shebang names no absolute path", "#!/bin/sh, or #!/usr/bin/env python3");
  }
  if (line.back() == '\r') return refuse("the script's shebang ends in a carriage return", "lines end in \\n alone");
  if (line.size() > kMaxShebang)
    return refuse("the script's shebang is longer than " + std::to_string(kMaxShebang) + " bytes");
  return {};
}

template <class Spec>
Result<void> check_format(const Spec& spec) {
  switch (spec.format()) {
    case v1::Format::exec:
      if (spec.arguments() == 0 || spec.argument(0).empty()) return refuse("argv names no program");
      // A relative path would mean another program wherever the daemon was started.
      if (const std::string_view program = spec.argument(0);
          program.front() != '/' && program.find('/') != program.npos) {
        return refuse("the program's path " + quote(program) + " is not absolute",
                      "an absolute path, or a bare name that is looked for in the service's PATH");
      }
      if (!spec.code().empty()) return refuse("format exec takes no code");
      return {};
    case v1::Format::script:
      return check_shebang(spec.code());
    case v1::Format::cxx:
      if (spec.code().empty()) return refuse("code is not given");
      return {};
    case v1::Format::unspecified:
      return refuse("format is not given", "exec, script or cxx");
  }
  return refuse("format " + std::to_string(static_cast<int>(spec.format())) + " is not known", "exec, script or cxx");
}

template <class Spec>
Result<void> check(const Spec& spec) {
  std::size_t total = 0;
  if (auto good = check_format(spec); !good) return good;
  if (auto good = check_text([] { return std::string("code"); }, spec.code(), kMaxCodeBytes); !good) return good;
  if (auto good = check_argv(spec, total); !good) return good;
  if (auto good = check_env(spec, total); !good) return good;
  if (total > kMaxAllArgumentBytes) {
    return refuse("argv and env together are longer than " + std::to_string(kMaxAllArgumentBytes) + " bytes");
  }
  if (spec.restart() > v1::RestartPolicy::MAX) {
    return refuse("restart " + std::to_string(static_cast<int>(spec.restart())) + " is not known",
                  "permanent, transient or temporary");
  }
  return {};
}

}  // namespace

Result<void> check_spec(const v1::SpecT& spec) { return check(NativeSpec(spec)); }
Result<void> check_spec(const v1::Spec& spec) { return check(StoredSpec(spec)); }

EffectiveLimits effective_limits(const v1::SpecT& spec) {
  EffectiveLimits limits;
  if (spec.format == v1::Format::cxx) limits.startup_timeout = kCompileTimeout;
  if (!spec.restart_limits) return limits;
  const v1::RestartLimitsT& given = *spec.restart_limits;
  if (given.max_restarts != 0) limits.max_restarts = given.max_restarts;
  if (given.max_seconds != 0) limits.window = std::chrono::seconds(given.max_seconds);
  if (given.startup_timeout_ms != 0) limits.startup_timeout = std::chrono::milliseconds(given.startup_timeout_ms);
  if (given.shutdown_timeout_ms != 0) limits.shutdown_timeout = std::chrono::milliseconds(given.shutdown_timeout_ms);
  return limits;
}

}  // namespace solo::schemas
