"""Let torchvision be imported beside the CPU build of torch: on the servers' PYTHONPATH, and nowhere else.

PyPI's torchvision is built against CUDA, so its compiled part does not load here, and then its import fails: it wants to describe
operators that this part would have registered. They are declared here, without any code; none of them is called.
"""

import importlib.abc
import importlib.machinery
import sys

_BOXES = "Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width"
_SIZES = "int batch_size, int channels, int height, int width"
_BACK = f"Tensor grad, Tensor rois, {{}}float spatial_scale, int pooled_height, int pooled_width, {{}}{_SIZES}"
_DEFORM = "int stride_h, int stride_w, int pad_h, int pad_w, int dil_h, int dil_w, int groups, int offset_groups, bool use_mask"
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    f"roi_align({_BOXES}, int sampling_ratio, bool aligned) -> Tensor",
    f"_roi_align_backward({_BACK.format('', '')}, int sampling_ratio, bool aligned) -> Tensor",
    f"roi_pool({_BOXES}) -> (Tensor, Tensor)",
    f"_roi_pool_backward({_BACK.format('Tensor argmax, ', '')}) -> Tensor",
    f"ps_roi_align({_BOXES}, int sampling_ratio) -> (Tensor, Tensor)",
    f"_ps_roi_align_backward({_BACK.format('Tensor channel_mapping, ', 'int sampling_ratio, ')}) -> Tensor",
    f"ps_roi_pool({_BOXES}) -> (Tensor, Tensor)",
    f"_ps_roi_pool_backward({_BACK.format('Tensor channel_mapping, ', '')}) -> Tensor",
    f"deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, {_DEFORM}) -> Tensor",
    "_deform_conv2d_backward(Tensor grad, Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, "
    f"{_DEFORM}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
_library = []  #: kept, or the declarations go with it


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Finds nothing itself; it is asked when torchvision is looked for, which is when torch is there to be told."""

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision" and not _library:
            import torch

            declared = torch.library.Library("torchvision", "DEF")
            for schema in SCHEMAS:
                declared.define(schema)
            _library.append(declared)
        return


sys.meta_path.insert(0, _BeforeTorchvision())
