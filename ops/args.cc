#include "ops/args.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <limits>

#include "ops/nearest.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

/// The library only finds which words are whose values; what they say is read below. Nothing is required of it, so that
/// --help works without operands.
void declare(CLI::App& app, const std::string& names, const Target& target) {
  if (auto* const* flag = std::get_if<bool*>(&target)) {
    app.add_flag(names, **flag);
  } else {
    // One value each time, so that an operand behind it is not swallowed.
    app.add_option(names)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
  }
}

template <class Number>
Result<void> read_number(const std::string& name, const std::string& text, std::optional<Number>& number) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: {} is more than {}", name, text, std::numeric_limits<Number>::max()));
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: \"{}\" is not a whole number, 0 or more", name, text));
  }
  number = value;
  return {};
}

/// `words`: what was given for it, at least one.
Result<void> fill(const std::string& name, const std::vector<std::string>& words, const Target& target) {
  if (auto* const* list = std::get_if<std::vector<std::string>*>(&target)) {
    **list = words;
    return {};
  }
  if (words.size() > 1) return fail(ErrorCode::invalid_argument, fmt::format("{} is given twice", name));
  const std::string& word = words.front();
  if (auto* const* text = std::get_if<std::string*>(&target)) **text = word;
  if (auto* const* text = std::get_if<std::optional<std::string>*>(&target)) **text = word;
  if (auto* const* number = std::get_if<std::optional<std::uint64_t>*>(&target)) {
    return read_number(name, word, **number);
  }
  if (auto* const* number = std::get_if<std::optional<std::uint32_t>*>(&target)) {
    return read_number(name, word, **number);
  }
  return {};
}

std::string long_name(const Option& option) {
  const auto at = option.names.find("--");
  return at == std::string::npos ? option.names : option.names.substr(at);
}

Result<void> fill_option(const CLI::App& app, const Option& option) {
  const std::string name = long_name(option);
  if (std::holds_alternative<bool*>(option.target) || app.count(name) == 0) return {};
  const auto& words = app.get_option(name)->results();
  if (!option.may_be_empty && std::find(words.begin(), words.end(), "") != words.end()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: the value is empty", name));
  }
  return fill(name, words, option.target);
}

Result<void> fill_operand(const CLI::App& app, const Operand& operand) {
  if (app.count(operand.name) != 0) {
    return fill(operand.name, app.get_option(operand.name)->results(), operand.target);
  }
  if (operand.required) return fail(ErrorCode::invalid_argument, "missing " + operand.name);
  return {};
}

std::vector<std::string> long_names(const Page& page) {
  std::vector<std::string> names{"--help"};
  for (const auto* group : {&page.options, &page.common}) {
    for (const auto& option : *group) names.push_back(long_name(option));
  }
  return names;
}

tl::unexpected<schemas::Error> usage(const Page& page, std::string message) {
  return fail(ErrorCode::invalid_argument, std::move(message), "see " + page.name + " --help");
}

/// The options that nothing knows, before the library words it in its own way.
Result<void> check_unexpected(const Page& page, std::vector<std::string> remaining) {
  // The library leaves the divider itself over.
  const auto divider = std::find(remaining.begin(), remaining.end(), "--");
  if (divider != remaining.end()) remaining.erase(divider);
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
    for (const auto& option : *group) declare(app, option.names, option.target);
  }
  for (const auto& operand : page.operands) declare(app, operand.name, operand.target);

  // What is behind it is the command's rest; a command without one takes it for operands, as the library does.
  const auto divider = page.rest == nullptr ? arguments.end() : std::find(arguments.begin(), arguments.end(), "--");
  std::vector<std::string> reversed(arguments.begin(), divider);
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::ArgumentMismatch& error) {
    if (help) return Parsed::help;
    const std::string words = error.what();
    return usage(page, words.substr(0, words.find(':')) + " needs a value");
  } catch (const CLI::ParseError& error) {
    if (help) return Parsed::help;
    return usage(page, error.what());
  }
  if (help) return Parsed::help;
  if (auto checked = check_unexpected(page, app.remaining()); !checked) return fail(checked.error());
  for (const auto* group : {&page.options, &page.common}) {
    for (const auto& option : *group) {
      if (auto filled = fill_option(app, option); !filled) return usage(page, filled.error().message);
    }
  }
  for (const auto& operand : page.operands) {
    if (auto filled = fill_operand(app, operand); !filled) return usage(page, filled.error().message);
  }
  if (divider != arguments.end()) page.rest->assign(divider + 1, arguments.end());
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
