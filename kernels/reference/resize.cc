// Image resizing. Source positions are computed in float exactly as
// TensorFlow's kernels do, because a nearest neighbour or a weight on an edge depends on their
// rounding.
#include <algorithm>
#include <cmath>

#include "kernels/reference/prepare.h"
#include "kernels/resize_taps.h"

namespace thaw::reference {
namespace {

struct Image {
  std::int64_t batch, height, width, channels;
};

KernelPtr prepare_nearest(const Site& site, const Image& x) {
  const auto& op = site.op_as<ops::Resize>();
  const Shape& y = site.out[0].shape;
  const Ints rows = nearest_indices(x.height, y[1], op),
             columns = nearest_indices(x.width, y[2], op);
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([=](const Args& args) {
      const T* from = args.in[0].as<T>();
      T* to = args.out[0].as_mutable<T>();
      for (std::int64_t n = 0; n < x.batch; ++n, from += x.height * x.width * x.channels) {
        for (std::int64_t row : rows) {
          for (std::int64_t column : columns) {
            to = std::copy_n(from + (row * x.width + column) * x.channels, x.channels, to);
          }
        }
      }
    });
  });
}

// In TensorFlow's own precision: images of integers are rounded behind it, often right at a half.
template <class T>
KernelPtr bilinear(const Site& site, const Image& x) {
  using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const auto& op = site.op_as<ops::Resize>();
  const Shape& shape = site.out[0].shape;
  const auto rows = linear_weights(x.height, shape[1], op);
  const auto columns = linear_weights(x.width, shape[2], op);
  return make_kernel([=](const Args& args) {
    const T* from = args.in[0].as<T>();
    T* to = args.out[0].as_mutable<T>();
    for (std::int64_t n = 0; n < x.batch; ++n, from += x.height * x.width * x.channels) {
      for (const Interpolation& row : rows) {
        const T* top = from + row.lower * x.width * x.channels;
        const T* bottom = from + row.upper * x.width * x.channels;
        for (const Interpolation& column : columns) {
          const std::int64_t left = column.lower * x.channels, right = column.upper * x.channels;
          for (std::int64_t c = 0; c < x.channels; ++c) {
            const auto mix = [](Compute a, Compute b, double weight) {
              return a + (b - a) * static_cast<Compute>(weight);
            };
            const auto at = [c](const T* line, std::int64_t pixel) {
              return static_cast<Compute>(load(line[pixel + c]));
            };
            const Compute above = mix(at(top, left), at(top, right), column.weight);
            const Compute below = mix(at(bottom, left), at(bottom, right), column.weight);
            *to++ = store<T>(mix(above, below, row.weight));
          }
        }
      }
    }
  });
}

/// Both axes one after the other: a row of the result is first gathered in the workspace, as wide
/// as the source.
template <class T>
KernelPtr weighted(const Site& site, const Image& x) {
  const std::int64_t width = x.width * x.channels;
  const auto body = [x, width, rows = resize_taps(site, 0),
                     columns = resize_taps(site, 1)](const Args& args) {
    const T* from = args.in[0].as<T>();
    T* to = args.out[0].as_mutable<T>();
    auto* line = reinterpret_cast<double*>(args.workspace);
    for (std::int64_t n = 0; n < x.batch; ++n, from += x.height * width) {
      for (std::size_t row = 0; row + 1 < rows.begin.size(); ++row) {
        std::fill_n(line, width, 0.0);
        for (auto t = static_cast<std::size_t>(rows.begin[row]),
                  end = static_cast<std::size_t>(rows.begin[row + 1]);
             t < end; ++t) {
          const T* source = from + rows.index[t] * width;
          for (std::int64_t i = 0; i < width; ++i)
            line[i] += static_cast<double>(load(source[i])) * rows.weight[t];
        }
        for (std::size_t column = 0; column + 1 < columns.begin.size(); ++column) {
          for (std::int64_t c = 0; c < x.channels; ++c) {
            double sum = 0;
            for (auto t = static_cast<std::size_t>(columns.begin[column]),
                      end = static_cast<std::size_t>(columns.begin[column + 1]);
                 t < end; ++t)
              sum += line[columns.index[t] * x.channels + c] * columns.weight[t];
            *to++ = store<T>(sum);
          }
        }
      }
    }
  };
  return make_kernel(body, static_cast<std::size_t>(width) * sizeof(double));
}

}  // namespace

KernelPtr prepare_resize(const Site& site) {
  const Shape& shape = site.in[0].shape;
  if (site.out[0].shape.num_elements() == 0) return make_kernel([](const Args&) {});
  const Image x{shape[0], shape[1], shape[2], shape[3]};
  const ResizeMethod method = site.op_as<ops::Resize>().method;
  if (method == ResizeMethod::nearest) return prepare_nearest(site, x);
  return for_floats(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return method == ResizeMethod::bilinear ? bilinear<T>(site, x) : weighted<T>(site, x);
  });
}

}  // namespace thaw::reference
