// Regular expressions in RE2's syntax.
#include <re2/re2.h>

#include <memory>

#include "kernels/host/strings.h"

namespace thaw::host {
namespace {

std::shared_ptr<const RE2> compile(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  auto regex = std::make_shared<const RE2>(pattern, options);
  if (!regex->ok()) {
    fail(ErrorCode::invalid_argument, "Invalid pattern: {}, error: {}", printable(pattern),
         printable(regex->error()));
  }
  return regex;
}

// A pattern that is an attribute is compiled once; one that is an operand, at every call.
std::shared_ptr<const RE2> regex_of(const HostArgs& args, std::size_t operand) {
  if (args.call.attributes.has("pattern")) {
    const Tensor& pattern = args.call.attributes.tensor("pattern");
    const std::string& text = strings_of(pattern)[0];
    if (args.packs == nullptr) return compile(text);
    return std::static_pointer_cast<const RE2>(
        args.packs->get(pattern, "regex", [&] { return compile(text); }));
  }
  const Tensor& pattern = args.in[operand];
  if (pattern.num_elements() != 1) {
    fail(ErrorCode::invalid_argument, "Pattern must be scalar, but received {}",
         pattern.shape().to_string());
  }
  return compile(strings_of(pattern)[0]);
}

}  // namespace

Results regex_replace(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  const std::shared_ptr<const RE2> regex = regex_of(args, 1);
  const Tensor& rewrites = attributes.has("rewrite") ? attributes.tensor("rewrite") : args.in[2];
  if (rewrites.num_elements() != 1) {
    fail(ErrorCode::invalid_argument, "Rewrite must be scalar, but received {}",
         rewrites.shape().to_string());
  }
  const std::string& rewrite = strings_of(rewrites)[0];
  const bool all = attributes.flag("replace_global");
  return {map_strings(args.in[0], [&](std::string text) {
    if (all) {
      RE2::GlobalReplace(&text, *regex, rewrite);
    } else {
      RE2::Replace(&text, *regex, rewrite);
    }
    return text;
  })};
}

Results regex_full_match(const HostArgs& args) {
  const std::shared_ptr<const RE2> regex = regex_of(args, 1);
  Tensor out(DType::boolean, args.in[0].shape());
  for (std::int64_t i = 0; i < out.num_elements(); ++i) {
    out.mutable_data<bool>()[i] = RE2::FullMatch(strings_of(args.in[0])[i], *regex);
  }
  return {out};
}

}  // namespace thaw::host
