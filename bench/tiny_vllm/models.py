"""Make two models of no use but real behaviour, in no time: a Llama for text and a Llava for pictures, both with random weights.

    .venv-vllm/bin/python bench/tiny_vllm/models.py FOLDER

They are read by a real vLLM, which neither knows nor cares that they know nothing: structured output, batching, prefix cache, context
limits, cancellation and pictures are all its own. The tokenizer is trained on this repository's own texts, so a prompt of ours has
about as many tokens as with a real one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    logging,
)

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ("README.md", "CHANGELOG.md", "docs/**/*.md", "prompts/*.yaml")  #: English, science, YAML and JSON
VOCABULARY = 4096
CONTEXT = 16_384
BEGIN, END, PAD, IMAGE = "<|begin|>", "<|end|>", "<|pad|>", "<image>"
SIDE, PATCH = 56, 14  #: pixels of a picture and of one of its patches
N_PATCHES = (SIDE // PATCH) ** 2

CHAT = """\
{%- for message in messages -%}
<|begin|>{{ message['role'] }}
{% if message['content'] is string -%}
{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'text' -%}{{ part['text'] }}{%- else -%}<image>{%- endif -%}
{%- endfor -%}
{%- endif -%}<|end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|begin|>assistant
{% endif -%}"""


def make_tokenizer() -> PreTrainedTokenizerFast:
    files = sorted(str(path) for pattern in TEXTS for path in ROOT.glob(pattern))
    trained = ByteLevelBPETokenizer()
    trained.train(files, vocab_size=VOCABULARY, special_tokens=[BEGIN, END, PAD, IMAGE], show_progress=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[IMAGE],
        chat_template=CHAT,
        model_max_length=CONTEXT,
    )


def llama_config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,  # 64 wide: vLLM's attention on CPUs takes 32 and more
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        architectures=["LlamaForCausalLM"],
    )


def make_text_model(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    LlamaForCausalLM(llama_config(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_vision_model(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """Its configuration alone: vLLM makes up the weights (`--load-format dummy`)."""
    sees = CLIPVisionConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE, patch_size=PATCH
    )
    config = LlavaConfig(
        vision_config=sees,
        text_config=llama_config(tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=N_PATCHES,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )
    config.architectures = ["LlavaForConditionalGeneration"]
    config.save_pretrained(folder)
    pictures = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    LlavaProcessor(
        image_processor=pictures,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=CHAT,
    ).save_pretrained(folder)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    logging.disable_progress_bar()
    tokenizer = make_tokenizer()
    make_text_model(folder / "text", tokenizer)
    make_vision_model(folder / "vision", tokenizer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
