"""Prompts, samples and scoring of the GRIT paper's generative tasks.

The task files under ``tasks/lm_eval/grit`` name these functions with ``!function``, so lm-eval
itself can run the same files wherever evalsuite is installed. Each module follows the authors'
public evaluation code (open-instruct at the fork that the paper used, bigcode-evaluation-harness)
as of the paper; ``docs/protocol`` says where paper, code and others differ.
"""
