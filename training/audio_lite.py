"""Train the embedded speech emotion classifier: ``python training/audio_lite.py``.

A run keeps the learning rate constant, then lets it fall to zero over the last part. The state at
the start of the fall is kept, so that ``--speakers all --branch STATE`` can repeat only the fall on
every speaker; its figures are those of the run that it branched from.
"""

from __future__ import annotations

import os

# A thread that waits for another by spinning holds up everything else on a shared machine.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import argparse
import copy
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'training')]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from audio_batches import Batches, render  # noqa: E402
from audio_corpora import load, split_of  # noqa: E402
from audio_evaluation import (  # noqa: E402
    WindowSet,
    fit_temperatures,
    mean_uar,
    parts_of,
    windows,
)
from audio_export import export, measure, write_card  # noqa: E402
from audio_network import AudioNetwork, parameter_count  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from mer_ros.audio.pooling import pool_clips  # noqa: E402
from mer_ros.models.calibration import softmax  # noqa: E402
from mer_ros.models.processor import has_bfloat16  # noqa: E402

_log = logging.getLogger('audio_lite')


class Average:
    """Exponential moving average of a network's weights and batch statistics."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        self._decay = decay
        self._steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards the network; faster in the first steps."""
        self._steps += 1
        decay = min(self._decay, self._steps / (self._steps + 10.0))
        for mine, theirs in zip(
            self.network.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1.0 - decay)
            else:
                mine.copy_(theirs)


def rate(step: int, steps: int, fall: float, peak: float) -> float:
    """Return the learning rate: a short rise, a plateau, a linear fall over the last share."""
    rise = min(1.0, (step + 1) / 200.0)
    return peak * rise * min(1.0, (steps - step) / max(fall * steps, 1.0))


def smoothed_loss(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Return the cross entropy against soft targets blended with the uniform distribution."""
    soft = target * (1.0 - smoothing) + smoothing / target.shape[1]
    return -(soft * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()


@torch.no_grad()
def infer(network: nn.Module, cut: WindowSet) -> Any:
    """Return (W, 7) float32 logits of the windows."""
    parts = [network(torch.from_numpy(part)) for part in parts_of(cut.logmel)]
    return torch.cat(parts).numpy()


def train(args: argparse.Namespace, batches: Batches, dev: WindowSet) -> nn.Module:
    """Run the schedule; resume from ``state.pt``, keep ``plateau.pt``; return the average."""
    network: nn.Module = AudioNetwork().to(memory_format=torch.channels_last)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{'params': decayed, 'weight_decay': 0.05}, {'params': plain, 'weight_decay': 0.0}]
    )
    average = Average(network, 0.998)
    _log.info('%d parameters', parameter_count(network))
    state_path, first = args.work / f'{args.run}-state.pt', 0
    source = state_path if args.resume and state_path.is_file() else args.branch
    if source:
        state = torch.load(source, weights_only=True)
        network.load_state_dict(state['network'])
        average.network.load_state_dict(state['average'])
        average._steps = state['step']
        optimiser.load_state_dict(state['optimiser'])
        first = state['step']
        batches.reseed(args.seed + first)
        _log.info('go on from %s at step %d', source, first)
    plateau = round(args.steps * (1 - args.fall))
    started = time.time()
    losses: list[float] = []
    for step in range(first, args.steps):
        if step == plateau or (step > first and step % args.every == 0):
            _keep(args, step, network, average, optimiser, state_path)
            answers = softmax(infer(average.network, dev))
            table = pool_clips(answers, dev.owner, dev.labels.size)
            _log.info(
                'step %d loss %.3f dev uar %.3f, %.0f s', step, float(np.mean(losses or [0])),
                mean_uar(dev, table), time.time() - started,
            )  # fmt: skip
            losses = []
        for group in optimiser.param_groups:
            group['lr'] = rate(step, args.steps, args.fall, args.rate)
        x, target = batches.draw()
        network.train()
        with torch.autocast('cpu', torch.bfloat16, enabled=has_bfloat16()):
            logits = network(x)
        loss = smoothed_loss(logits, target, 0.05)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        average.update(network)
        losses.append(float(loss.detach()))
    _keep(args, max(first, args.steps), network, average, optimiser, state_path)
    return average.network


def _keep(
    args: argparse.Namespace,
    step: int,
    network: nn.Module,
    average: Average,
    optimiser: torch.optim.Optimizer,
    path: Path,
) -> None:
    state = {
        'network': network.state_dict(),
        'average': average.network.state_dict(),
        'optimiser': optimiser.state_dict(),
        'step': step,
    }
    torch.save(state, path.with_suffix('.part'))
    path.with_suffix('.part').replace(path)
    if step == round(args.steps * (1 - args.fall)):
        torch.save(state, args.work / f'{args.run}-plateau.pt')


def main(words: Sequence[str] | None = None) -> None:
    """Train, export, measure and write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, default=ROOT.parent / 'shared/data/speech')
    parser.add_argument('--work', type=Path, default=ROOT / 'build/audio_lite', help='caches, logs')
    parser.add_argument('--output', type=Path, default=ROOT / 'mer_ros/models/embedded')
    parser.add_argument('--run', default='lite', help='name of the run in the work folder')
    parser.add_argument('--steps', type=int, default=3800)
    parser.add_argument(
        '--fall', type=float, default=0.26316, help='share of steps of falling rate'
    )
    parser.add_argument('--rate', type=float, default=1.5e-3)
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--copies', type=int, default=5, help='rendered copies of each clip')
    parser.add_argument('--every', type=int, default=200, help='steps between checkpoints')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--speakers', choices=('train', 'all'), default='train')
    parser.add_argument('--branch', type=Path, help='state to start from')
    parser.add_argument(
        '--twin', type=Path, help='card of the run branched from: its temperatures and figures'
    )
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint')
    args = parser.parse_args(words)
    if args.speakers != 'train' and not args.twin:
        parser.error(f'--speakers {args.speakers} leaves nothing to measure on; give --twin CARD')
    args.work.mkdir(parents=True, exist_ok=True)
    args.output.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    file = logging.FileHandler(args.work / f'{args.run}.log')
    file.setFormatter(logging.Formatter('%(asctime)s %(message)s'))
    _log.setLevel(logging.INFO)
    _log.addHandler(file)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    clips = load(args.data, args.work)
    copies = render(clips, args.copies, 1, args.work)
    parts = {'train': {'train'}, 'all': {'train', 'dev', 'test'}}
    chosen = [i for i, c in enumerate(clips) if split_of(c.speaker) in parts[args.speakers]]
    _log.info('%s: %d clips of %s', vars(args), len(chosen), args.speakers)
    batches = Batches(clips, copies, np.array(chosen), args.seed, args.batch)
    dev = windows([c for c in clips if split_of(c.speaker) == 'dev'])
    network = train(args, batches, dev)
    model = export(network, args.output / 'audio_lite.onnx')
    if args.twin:
        card = json.loads(args.twin.read_text(encoding='utf-8'))
        temperatures = card['temperature'], card['clip_temperature']
        metrics = card['metrics']
        metrics['measured_on'] = f'the twin trained without test and dev speakers, {card["sha256"]}'
    else:
        temperatures = fit_temperatures(infer(network, dev), dev)
        metrics = measure(model, clips, temperatures)
    metrics |= {'trained_on': args.speakers, 'steps': args.steps, 'seed': args.seed}
    write_card(model, temperatures, batches.prior(), metrics)
    _log.info('T %.3f %.3f test %.4f', *temperatures, metrics['test']['uar_mean_of_corpora'])


if __name__ == '__main__':
    main()
