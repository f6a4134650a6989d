"""The community's side of sharing: what takes opinions in, counts each once, and forgets a rater who asks for it.

All state lies in one bucket, and every change that matters is one conditional write of one small object, so that S3
alone orders what happens at the same time: there is no second store that could disagree after a crash.
"""
