#include "loaders/source/h5.h"

#include <fmt/format.h>

#include <numeric>
#include <optional>

#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

std::unique_ptr<H5File> open_file(const std::string& name) {
  return H5File::open(load(name), Limits{});
}

std::vector<float> ramp(int count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

template <class T>
void expect_ramp(const H5File& file, const std::string& path, Shape shape) {
  const Tensor tensor = file.dataset(path);
  ASSERT_EQ(tensor.dtype(), Tensor::dtype_of<T>()) << path;
  ASSERT_EQ(tensor.shape(), shape) << path;
  EXPECT_EQ(file.dataset_type(path), tensor.type());
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
    ASSERT_EQ(tensor.data<T>()[i], static_cast<T>(i)) << path << " element " << i;
  }
}

// The same tree, written by three versions of the format.
class H5Versions : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<H5File> file = open_file(GetParam());
};
INSTANTIATE_TEST_SUITE_P(All, H5Versions, ::testing::Values("old.h5", "latest.h5", "v108.h5"));

TEST_P(H5Versions, Groups) {
  EXPECT_EQ(file->children(""), (std::vector<std::string>{"model_weights", "types"}));
  EXPECT_EQ(file->children("model_weights/dense_1/dense_1"),
            (std::vector<std::string>{"bias:0", "kernel:0"}));
  EXPECT_EQ(file->datasets("model_weights"),
            (std::vector<std::string>{"model_weights/dense_1/dense_1/bias:0",
                                      "model_weights/dense_1/dense_1/kernel:0"}));
  EXPECT_TRUE(file->has_group(""));
  EXPECT_TRUE(file->has_group("model_weights/dense_1"));
  EXPECT_FALSE(file->has_dataset("model_weights/dense_1"));
  EXPECT_TRUE(file->has_dataset("types/f4") == false && file->has_dataset("types/little_f4"));
  for (const char* path : {"absent", "/model_weights", "model_weights/", "model_weights//dense_1",
                           "..", ".", "types/little_f4/below"}) {
    EXPECT_FALSE(file->has_group(path) || file->has_dataset(path)) << path;
    EXPECT_EQ(error_of([&] { file->dataset(path); }), ErrorCode::not_found) << path;
    EXPECT_EQ(error_of([&] { file->children(path); }), ErrorCode::not_found) << path;
  }
  EXPECT_EQ(error_of([&] { file->dataset("types"); }), ErrorCode::invalid_argument);
  EXPECT_EQ(error_of([&] { file->children("types/scalar"); }), ErrorCode::invalid_argument);
}

TEST_P(H5Versions, TextAttributes) {
  EXPECT_EQ(file->text_attribute("", "model_config"),
            "{\"class_name\": \"Sequential\", \"name\": \"m\u00fcller\"}");
  EXPECT_EQ(file->text_attribute("", "fixed"), "fixed text");
  EXPECT_EQ(file->text_attribute("", "ascii"), "plain");
  EXPECT_EQ(file->text_attribute("", "keras_version"), "2.15.0");
  EXPECT_EQ(file->text_attribute("", "one"), "only");
  EXPECT_EQ(file->text_attribute("", "empty_text"), "");
  EXPECT_EQ(file->text_attribute("", "absent"), std::nullopt);
  EXPECT_EQ(error_of([&] { file->text_attribute("", "number"); }), ErrorCode::invalid_argument);
  EXPECT_EQ(error_of([&] { file->text_attribute("model_weights", "layer_names"); }),
            ErrorCode::invalid_argument);
}

TEST_P(H5Versions, ListAttributes) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(file->list_attribute("model_weights", "layer_names"), (Names{"dense_1", "d2"}));
  EXPECT_EQ(file->list_attribute("model_weights", "vlen_names"), (Names{"dense_1", "d\u00fc"}));
  EXPECT_EQ(file->list_attribute("model_weights", "weight_names"), Names{});
  EXPECT_EQ(file->list_attribute("model_weights", "split_names"), (Names{"a", "bb", "ccc"}));
  EXPECT_EQ(file->list_attribute("model_weights", "absent"), std::nullopt);
  EXPECT_EQ(error_of([&] { file->list_attribute("", "number"); }), ErrorCode::invalid_argument);
}

TEST_P(H5Versions, Numbers) {
  expect_ramp<float>(*file, "model_weights/dense_1/dense_1/kernel:0", {3, 4});
  for (const std::string order : {"little_", "big_"}) {
    const std::string path = "types/" + order;
    const Shape shape{2, 3};
    expect_ramp<float>(*file, path + "f4", shape);
    expect_ramp<double>(*file, path + "f8", shape);
    expect_ramp<std::int8_t>(*file, path + "i1", shape);
    expect_ramp<std::int16_t>(*file, path + "i2", shape);
    expect_ramp<std::int32_t>(*file, path + "i4", shape);
    expect_ramp<std::int64_t>(*file, path + "i8", shape);
    expect_ramp<std::uint8_t>(*file, path + "u1", shape);
    expect_ramp<std::uint16_t>(*file, path + "u2", shape);
    expect_ramp<std::uint32_t>(*file, path + "u4", shape);
    expect_ramp<std::uint64_t>(*file, path + "u8", shape);
    const Tensor half = file->dataset(path + "f2");
    for (int i = 0; i < 6; ++i) EXPECT_EQ(to_float(half.data<float16>()[i]), static_cast<float>(i));
  }
  EXPECT_EQ(values_of<bool>(file->dataset("types/bool")), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(file->dataset("types/scalar").shape(), Shape{});
  EXPECT_EQ(file->dataset("types/scalar").data<float>()[0], 7.0f);
  EXPECT_EQ(file->dataset("types/empty").shape(), (Shape{0, 5}));
}

TEST_P(H5Versions, StringsAndBfloat16) {
  EXPECT_EQ(values_of<std::string>(file->dataset("types/fixed_strings")),
            (std::vector<std::string>{"one", "three", ""}));
  EXPECT_EQ(values_of<std::string>(file->dataset("types/strings")),
            (std::vector<std::string>{"one", "dr\u00fcben", ""}));
  for (const char* path : {"types/opaque", "types/bfloat_uint"}) {
    const Tensor tensor = file->dataset(path);
    EXPECT_EQ(to_float(tensor.data<bfloat16>()[0]), 1.0f);
    EXPECT_EQ(to_float(tensor.data<bfloat16>()[1]), -2.0f);
  }
  std::string message;
  EXPECT_EQ(error_of([&] { file->dataset("types/compound"); }, &message), ErrorCode::unimplemented);
  EXPECT_NE(message.find("compound"), std::string::npos) << message;
  EXPECT_NE(message.find("types/compound"), std::string::npos) << message;
  EXPECT_EQ(error_of([&] { file->dataset("types/other_opaque"); }), ErrorCode::unimplemented);
}

TEST(H5, BorrowsTheFilesMemory) {
  const Bytes bytes = load("old.h5");
  const auto file = H5File::open(bytes, Limits{});
  const auto* kernel =
      static_cast<const std::byte*>(file->dataset("model_weights/dense_1/dense_1/kernel:0").data());
  EXPECT_TRUE(kernel >= bytes.data.data() && kernel < bytes.data.data() + bytes.size());
}

TEST(H5, TensorsOutliveTheFile) {
  Tensor tensor = open_file("old.h5")->dataset("model_weights/dense_1/dense_1/bias:0");
  EXPECT_EQ(values_of<float>(tensor), ramp(4));
}

TEST(H5, UserBlock) {
  const auto file = open_file("user_block.h5");
  EXPECT_EQ(values_of<float>(file->dataset("x")), ramp(3));
}

TEST(H5, UnalignedFile) {
  const std::string contents(load("old.h5").text());
  const Bytes shifted = make_bytes("x" + contents);
  const auto file = H5File::open({shifted.data.subspan(1), shifted.owner, "shifted"}, Limits{});
  EXPECT_EQ(values_of<float>(file->dataset("model_weights/dense_1/dense_1/bias:0")), ramp(4));
}

TEST(H5, KerasBfloat16) {
  const auto file = open_file("bfloat16.weights.h5");
  const Tensor kernel = file->dataset("layers/dense/vars/0");
  EXPECT_EQ(kernel.type(), (TensorType{DType::bfloat16, {3, 2}}));
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(to_float(kernel.data<bfloat16>()[i]), static_cast<float>(i));
  EXPECT_EQ(to_float(file->dataset("layers/dense/vars/1").data<bfloat16>()[1]), -2.0f);
}

TEST(H5, Chunks) {
  for (const char* name : {"chunks_old.h5", "chunks_latest.h5"}) {
    const auto file = open_file(name);
    for (const char* path : {"plain", "gzip", "all", "single", "single_plain", "two_unlimited",
                             "two_unlimited_gzip", "larger_max", "early", "compact"}) {
      expect_ramp<float>(*file, path, {10, 7});
    }
    expect_ramp<double>(*file, "shuffle", {10, 7});
    expect_ramp<std::uint8_t>(*file, "fletcher", {11});
    expect_ramp<std::int32_t>(*file, "extensible", {700});
    expect_ramp<std::int32_t>(*file, "extensible_gzip", {3, 500});
    expect_ramp<std::int16_t>(*file, "paged", {2500});
    EXPECT_EQ(file->dataset("empty").shape(), (Shape{0, 4}));
    std::string message;
    EXPECT_EQ(error_of([&] { file->dataset("lzf"); }, &message), ErrorCode::unimplemented);
    EXPECT_NE(message.find("32000 (lzf)"), std::string::npos) << message;
    EXPECT_EQ(error_of([&] { file->dataset("unwritten"); }), ErrorCode::data_loss);
  }
}

TEST(H5, ManyLinksAndAttributes) {
  const auto file = open_file("many.h5");
  EXPECT_EQ(file->children("g").size(), 300u);
  for (int i = 0; i < 300; i += 37) {
    EXPECT_EQ(file->dataset(fmt::format("g/dataset_{:03}", i)).data<float>()[0],
              static_cast<float>(i));
  }
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(file->text_attribute("g", fmt::format("attribute_{:02}", i)),
              fmt::format("value {}", i));
  }
  const auto names = file->list_attribute("g", "long");  // larger than an object header can hold
  ASSERT_EQ(names->size(), 100u);
  EXPECT_EQ((*names)[42], std::string(1000, 'x') + "042");
  const auto old = open_file("many_old.h5");
  EXPECT_EQ(old->children("").size(), 300u);
  EXPECT_EQ(old->dataset("dataset_299").data<float>()[0], 299.0f);
}

TEST(H5, RefusesLinks) {
  for (const char* name : {"links.h5", "links_latest.h5"}) {
    const auto file = open_file(name);
    EXPECT_EQ(values_of<float>(file->dataset("x")), ramp(3));
    for (const char* group : {"soft", "external"}) {
      std::string message;
      EXPECT_EQ(error_of([&] { file->children(group); }, &message), ErrorCode::permission_denied);
      EXPECT_NE(message.find("'link'"), std::string::npos) << message;
      EXPECT_EQ(error_of([&] { file->datasets(""); }), ErrorCode::permission_denied);
      EXPECT_EQ(error_of([&] { file->dataset(std::string(group) + "/link"); }),
                ErrorCode::permission_denied);
      EXPECT_EQ(error_of([&] { file->has_group(std::string(group) + "/link"); }),
                ErrorCode::permission_denied);
    }
  }
  const auto file = open_file("links.h5");
  EXPECT_EQ(error_of([&] { file->dataset("deep/er/link/x"); }), ErrorCode::permission_denied);
  EXPECT_EQ(error_of([&] { open_file("links_latest.h5")->children("dense"); }),
            ErrorCode::permission_denied);
  EXPECT_EQ(error_of([&] { file->datasets("hard"); }),
            ErrorCode::data_loss);  // a group under two names
  EXPECT_EQ(error_of([&] { file->datasets("cycle"); }),
            ErrorCode::data_loss);  // a group inside itself
}

TEST(H5, RefusesForeignStorageAndBombs) {
  const auto file = open_file("storage.h5");
  EXPECT_EQ(error_of([&] { file->dataset("external"); }), ErrorCode::permission_denied);
  EXPECT_EQ(error_of([&] { file->dataset("virtual"); }), ErrorCode::permission_denied);
  EXPECT_EQ(error_of([&] { file->dataset("committed"); }), ErrorCode::unimplemented);
  EXPECT_EQ(error_of([&] { file->dataset("unwritten"); }), ErrorCode::data_loss);
  EXPECT_EQ(error_of([&] { file->dataset("bomb"); }), ErrorCode::resource_exhausted);
  EXPECT_EQ(error_of([&] { file->dataset("contiguous_bomb"); }), ErrorCode::data_loss);
}

TEST(H5, Limits) {
  Limits limits;
  limits.max_total_bytes = 40;
  const auto file = H5File::open(load("old.h5"), limits);
  EXPECT_EQ(file->dataset("model_weights/dense_1/dense_1/bias:0").num_elements(), 4);
  EXPECT_EQ(error_of([&] { file->dataset("model_weights/dense_1/dense_1/kernel:0"); }),
            ErrorCode::resource_exhausted);
  limits = Limits{};
  limits.max_depth = 1;
  EXPECT_EQ(error_of([&] { H5File::open(load("old.h5"), limits)->datasets(""); }),
            ErrorCode::resource_exhausted);
  limits = Limits{};
  limits.max_entries = 20;
  EXPECT_EQ(error_of([&] { H5File::open(load("many_old.h5"), limits)->children(""); }),
            ErrorCode::resource_exhausted);
  limits = Limits{};
  limits.max_rank = 1;
  EXPECT_EQ(error_of([&] { H5File::open(load("old.h5"), limits)->dataset("types/little_f4"); }),
            ErrorCode::resource_exhausted);
}

TEST(H5, SaysWhatAFileReallyIs) {
  const auto message_for = [](std::string_view text) {
    std::string message;
    EXPECT_EQ(error_of([&] { H5File::open(make_bytes(text), Limits{}); }, &message),
              ErrorCode::invalid_argument);
    return message;
  };
  EXPECT_NE(message_for("PK\x03\x04....").find("a zip archive"), std::string::npos);
  EXPECT_NE(message_for("<!DOCTYPE html>").find("an HTML"), std::string::npos);
  EXPECT_EQ(error_of([] { H5File::open(make_bytes(""), Limits{}); }), ErrorCode::data_loss);
}

// Reads everything there is; errors of one object do not hide the others.
void read_everything(const Bytes& bytes) {
  const auto file = H5File::open(bytes, Limits{});
  std::optional<Error> first;
  const auto attempt = [&](const std::function<void()>& f) {
    try {
      f();
    } catch (const Error& error) {
      if (!first) first = error;
    }
  };
  std::vector<std::string> paths;
  attempt([&] { paths = file->datasets(""); });
  for (const char* group : {"", "model_weights", "g"}) {
    bool exists = false;
    attempt([&] { exists = file->has_group(group); });
    if (!exists) continue;
    for (const char* name :
         {"model_config", "layer_names", "vlen_names", "split_names", "weight_names", "long"}) {
      attempt([&] { file->list_attribute(group, name); });
    }
  }
  for (const std::string& path : paths) {
    attempt([&] {
      const Tensor tensor = file->dataset(path);
      if (tensor.dtype() == DType::string) {
        for (const std::string& text : values_of<std::string>(tensor))
          ASSERT_LE(text.size(), bytes.size());
      } else if (tensor.num_elements() > 0) {  // touch both ends
        const auto* data = static_cast<const volatile std::byte*>(tensor.data());
        static_cast<void>(data[0]);
        static_cast<void>(data[tensor.size_bytes() - 1]);
      }
    });
  }
  if (first) throw *first;
}

TEST(H5, Truncated) {
  for (const char* name :
       {"old.h5", "latest.h5", "chunks_latest.h5", "links.h5", "bfloat16.weights.h5"}) {
    const std::string contents(load(name).text());
    check_truncations(contents, read_everything, contents.size() > 30000 ? 5 : 1);
  }
}

TEST(H5, FlippedBits) {
  const std::pair<const char*, std::size_t> files[] = {{"old.h5", 2},
                                                       {"links.h5", 1},
                                                       {"storage.h5", 1},
                                                       {"links_latest.h5", 1},
                                                       {"latest.h5", 11},
                                                       {"user_block.h5", 1},
                                                       {"bfloat16.weights.h5", 2},
                                                       {"chunks_old.h5", 211},
                                                       {"chunks_latest.h5", 61},
                                                       {"many.h5", 997}};
  for (const auto& [name, step] : files) {
    SCOPED_TRACE(name);
    check_flips(std::string(load(name).text()), read_everything, step);
  }
}

}  // namespace
}  // namespace thaw::testing
