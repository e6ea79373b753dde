#include "ops/args.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "ops/nearest.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

void bind(CLI::App& app, const std::string& names, const Target& target, bool required) {
  std::visit(
      [&](auto* variable) {
        CLI::Option* option = nullptr;
        if constexpr (std::is_same_v<decltype(variable), bool*>) {
          option = app.add_flag(names, *variable);
        } else {
          option = app.add_option(names, *variable);
          if constexpr (std::is_same_v<decltype(variable), std::vector<std::string>*>) {
            // One value each time, so that an operand behind it is not swallowed.
            if (names[0] == '-') option->allow_extra_args(false);
          }
        }
        option->required(required);
      },
      target);
}

std::vector<std::string> long_names(const Page& page) {
  std::vector<std::string> names{"--help"};
  for (const auto* group : {&page.options, &page.common}) {
    for (const auto& option : *group) {
      if (auto at = option.names.find("--"); at != std::string::npos) names.push_back(option.names.substr(at));
    }
  }
  return names;
}

tl::unexpected<schemas::Error> usage(const Page& page, std::string message) {
  return fail(ErrorCode::invalid_argument, std::move(message), "see " + page.name + " --help");
}

/// The options that nothing knows, before the library words it in its own way.
Result<void> check_unexpected(const Page& page, const std::vector<std::string>& remaining) {
  if (remaining.empty()) return {};
  const std::string& word = remaining.front();
  if (word.size() > 1 && word[0] == '-') {
    const std::string name = word.substr(0, word.find('='));
    return usage(page, fmt::format("unknown option {}{}", name, did_you_mean(name, long_names(page))));
  }
  return usage(page, fmt::format("unexpected argument \"{}\"", word));
}

}  // namespace

Result<Parsed> parse(const Page& page, const std::vector<std::string>& arguments) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  bool help = false;
  app.add_flag("-h,--help", help);
  for (const auto* group : {&page.options, &page.common}) {
    for (const auto& option : *group) bind(app, option.names, option.target, false);
  }
  // Whether one is missing is looked at below, so that --help works without them.
  for (const auto& operand : page.operands) bind(app, operand.name, operand.target, false);

  const auto divider = std::find(arguments.begin(), arguments.end(), "--");
  std::vector<std::string> reversed(arguments.begin(), divider);
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    if (help) return Parsed::help;
    return usage(page, error.what());
  }
  if (help) return Parsed::help;
  if (auto checked = check_unexpected(page, app.remaining()); !checked) return fail(checked.error());
  for (const auto& operand : page.operands) {
    if (operand.required && app.count(operand.name) == 0) return usage(page, "missing " + operand.name);
  }
  if (divider != arguments.end()) {
    if (page.rest == nullptr) return usage(page, "unexpected argument \"--\"");
    page.rest->assign(divider + 1, arguments.end());
  }
  return Parsed::run;
}

Result<std::uint32_t> parse_duration(std::string_view what, std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::uint64_t factor = 0;
  if (unit == "ms") factor = 1;
  if (unit.empty() || unit == "s") factor = 1000;
  if (unit == "m") factor = 60'000;
  if (unit == "h") factor = 3'600'000;
  if (error != std::errc() || factor == 0) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: \"{}\" is not a duration: write 250ms, 30s, 5m or 2h", what, text));
  }
  constexpr std::uint64_t kMost = 24ULL * 3'600'000;
  if (number > kMost / factor) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: {} is more than a day", what, text));
  }
  return static_cast<std::uint32_t>(number * factor);
}

}  // namespace solo::ops
