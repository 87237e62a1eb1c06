"""Other people's version troubles: each work-around in the situation that it is for."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import socket
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner

from masasr_mm import compat
from masasr_mm.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
# Imports masasr_mm.compat alone, without what importing the whole package does.
COMPAT_ALONE = f"""
import sys, types
package = types.ModuleType('masasr_mm')
package.__path__ = [{str(ROOT / 'masasr_mm')!r}]
sys.modules['masasr_mm'] = package
from masasr_mm import compat
"""


class Line(BaseModel):
    """A model of three weights."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, *inputs, mode='tensor'):
        output = self.layer(torch.stack(inputs))
        return dict(loss=output.square().mean()) if mode == 'loss' else [output]


class Score(BaseMetric):
    """Gives numpy's numbers, as mmagic's metrics do."""

    def process(self, data_batch, data_samples):
        self.results.append(1.0)

    def compute_metrics(self, results):
        return dict(double=np.mean(np.array(results)), single=np.float32(2))


def train(work_dir: Path, max_iters: int, resume: bool) -> None:
    """Train with mmengine, keeping everything that a checkpoint can hold."""
    data = [torch.randn(2) for _ in range(8)]
    loader = dict(dataset=data, batch_size=2, sampler=dict(type='DefaultSampler', shuffle=True))
    checkpoint = dict(
        type='CheckpointHook',
        interval=1,
        by_epoch=False,
        max_keep_ckpts=3,
        save_best=['double', 'single'],
        rule='greater',
    )
    Runner(
        model=Line(),
        work_dir=str(work_dir),
        resume=resume,
        experiment_name=f'line_{max_iters}',
        default_scope='mmagic',
        train_dataloader=loader,
        val_dataloader=loader,
        val_cfg=dict(),
        val_evaluator=[Score()],
        train_cfg=dict(by_epoch=False, max_iters=max_iters, val_interval=1),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=1e-3)),
        param_scheduler=dict(type='CosineAnnealingLR', T_max=4, by_epoch=False),
        default_hooks=dict(checkpoint=checkpoint),
        custom_hooks=[dict(type='EMAHook')],
    ).train()


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a script in a fresh interpreter on one thread."""
    return subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code), *arguments],
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', **environment},
        capture_output=True,
        text=True,
        check=False,
    )


class Call:
    """Calls a function with arguments when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class TestProvideMMCVOps:
    @pytest.mark.skipif(
        importlib.util.find_spec('mmcv._ext') is not None, reason='this mmcv has its operators'
    )
    def test_mmagic_models_import_with_mmcv_lite(self):
        result = run_python(
            COMPAT_ALONE
            + """
assert compat.provide_mmcv_ops() is True
assert compat.provide_mmcv_ops() is False
compat.provide_numpy_bool8()
import mmagic.models
import mmcv.ops, torch, importlib.util
assert 'mmcv._ext' not in sys.modules
assert importlib.util.find_spec('mmcv._ext') is None
try:
    mmcv.ops.nms(torch.rand(2, 4), torch.rand(2), 0.5)
except ImportError as error:
    print(error)
"""
        )
        assert result.returncode == 0, result.stderr
        assert 'nms' in result.stdout
        assert 'pip install mmcv>=2.0,<2.2' in result.stdout

    def test_real_operators_are_left_alone(self, tmp_path):
        operators = tmp_path / 'mmcv' / 'ops'
        operators.mkdir(parents=True)
        (tmp_path / 'mmcv' / '__init__.py').write_text('')
        (tmp_path / 'mmcv' / '_ext.py').write_text('nms = 42')
        (operators / '__init__.py').write_text('from mmcv._ext import nms')
        code = 'import mmcv.ops; print(compat.provide_mmcv_ops(), mmcv.ops.nms)'
        for order in ('', 'assert not compat.provide_mmcv_ops()\n'):
            result = run_python(COMPAT_ALONE + order + code, PYTHONPATH=str(tmp_path))
            assert result.stdout.split() == ['False', '42'], result.stderr

    def test_no_mmcv_at_all(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'mmcv', None)
        with pytest.raises(UserError, match='masasr_mm needs mmcv-lite or full mmcv: pip install'):
            compat.require_mmcv()


class TestProvideMediapipeFace:
    @staticmethod
    def packages(folder: Path, *mediapipe: str) -> str:
        """Make a mediapipe with these sub-folders, and a controlnet_aux as 0.0.10 is."""
        for path in ('controlnet_aux/mediapipe_face', 'mediapipe', *mediapipe):
            (folder / path).mkdir(parents=True)
        (folder / 'mediapipe' / '__init__.py').write_text(
            'class solutions: drawing_utils = 42' if mediapipe else ''
        )
        face = 'from .mediapipe_face import MediapipeFaceDetector'
        (folder / 'controlnet_aux' / '__init__.py').write_text(face)
        (folder / 'controlnet_aux' / 'mediapipe_face' / '__init__.py').write_text(
            'import mediapipe\ndrawing_utils = mediapipe.solutions.drawing_utils\n'
            'class MediapipeFaceDetector: pass\n'
        )
        return str(folder)

    def test_a_mediapipe_without_solutions(self, tmp_path):
        path = self.packages(tmp_path)
        code = """
import controlnet_aux
try:
    controlnet_aux.MediapipeFaceDetector()
except ImportError as error:
    print(error)
"""
        assert run_python(COMPAT_ALONE + code, PYTHONPATH=path).returncode != 0
        result = run_python(
            COMPAT_ALONE + 'assert compat.provide_mediapipe_face()' + code, PYTHONPATH=path
        )
        assert "pip install 'mediapipe<" in result.stdout, result.stderr

    def test_a_mediapipe_with_solutions_is_left_alone(self, tmp_path):
        path = self.packages(tmp_path, 'mediapipe/python/solutions')
        code = """
assert not compat.provide_mediapipe_face()
import controlnet_aux
controlnet_aux.MediapipeFaceDetector()
"""
        result = run_python(COMPAT_ALONE + code, PYTHONPATH=path)
        assert result.returncode == 0, result.stderr


class TestProvideNumpyBool8:
    def test_numpy_1_is_left_alone(self, monkeypatch):
        monkeypatch.delitem(vars(np), 'bool8', raising=False)
        monkeypatch.setattr(np, '__version__', '1.26.4')
        assert not compat.provide_numpy_bool8()
        assert 'bool8' not in vars(np)

    def test_numpy_2_gets_the_alias_once(self, monkeypatch):
        monkeypatch.setattr(np, '__version__', '2.5.5')
        monkeypatch.setattr(np, 'bool8', None, raising=False)  # taken away again after the test
        del np.bool8
        assert compat.provide_numpy_bool8()
        assert np.bool8 is np.bool_
        assert not compat.provide_numpy_bool8()

    def test_mmagic_names_it(self):
        # where this fails, the work-around can go
        import mmagic.utils.trans_utils

        assert 'np.bool8' in Path(mmagic.utils.trans_utils.__file__).read_text()


class TestKeepAlbumentationsOffline:
    def test_no_question_on_import(self):
        code = """
import os, socket
def refuse(*arguments, **options):
    print('albumentations asks the network')
    raise OSError
socket.socket.connect = socket.getaddrinfo = refuse
os.environ.pop('NO_ALBUMENTATIONS_UPDATE', None)
compat.keep_albumentations_offline()
import albumentations
"""
        result = run_python(COMPAT_ALONE + code)
        assert result.returncode == 0, result.stderr
        assert result.stdout == ''

    def test_a_user_may_wish_otherwise(self, monkeypatch):
        monkeypatch.setenv('NO_ALBUMENTATIONS_UPDATE', '0')
        compat.keep_albumentations_offline()
        assert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '0'


class TestIgnoreImportWarnings:
    @pytest.mark.parametrize('module', ['components', 'evaluation.real_pairs'])
    def test_importing_prints_nothing(self, module):
        result = run_python(f'import masasr_mm.{module}', PYTHONWARNINGS='')
        assert result.returncode == 0, result.stderr
        assert result.stderr == ''

    def test_other_warnings_are_shown(self):
        compat.ignore_import_warnings()
        with pytest.warns(FutureWarning, match='something else'):
            warnings.warn('something else', FutureWarning, stacklevel=1)


class TestAllowMMEngineCheckpoints:
    def test_training_resumes_only_with_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
        train(tmp_path, 2, resume=False)
        allowed = torch.serialization.get_safe_globals()
        torch.serialization.clear_safe_globals()
        try:
            with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
                train(tmp_path, 4, resume=True)
            compat.allow_mmengine_checkpoints()
            train(tmp_path, 4, resume=True)
        finally:
            torch.serialization.add_safe_globals(allowed)
        assert (tmp_path / 'iter_4.pth').is_file()
        losses, _ = MessageHub.get_current_instance().get_scalar('train/loss').data
        assert len(losses) == 4

    @pytest.mark.parametrize('kind', ['system', 'getattr', 'getattr of another class'])
    def test_code_is_refused(self, kind, tmp_path):
        mark, path = tmp_path / 'mark', tmp_path / 'hostile.pth'
        content = {
            'system': Call(os.system, f'touch {mark}'),
            'getattr': Call(getattr, HistoryBuffer, '__init__'),
            'getattr of another class': Call(getattr, np.ndarray, 'mean'),
        }[kind]
        torch.save(dict(state_dict={}, extra=content), path)
        compat.allow_mmengine_checkpoints()
        with pytest.raises(pickle.UnpicklingError):
            torch.load(path, weights_only=True)
        assert not mark.exists()

    def test_statistics_of_the_log_are_read(self, tmp_path):
        path = tmp_path / 'log.pth'
        torch.save(dict(log=HistoryBuffer([1.0, 3.0], [1, 1])), path)
        compat.allow_mmengine_checkpoints()
        log = torch.load(path, weights_only=True)['log']
        assert log.statistics('mean') == 2
        assert log.statistics('max') == 3


class TestLoadWeightsOnly:
    def test_every_load_refuses_code(self, monkeypatch, tmp_path):
        monkeypatch.delenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', raising=False)
        monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
        mark, path = tmp_path / 'mark', tmp_path / 'hostile.pth'
        torch.save(Call(os.system, f'touch {mark}'), path)
        compat.load_weights_only()
        with pytest.raises(pickle.UnpicklingError):
            torch.load(path, weights_only=False)
        assert not mark.exists()

    def test_a_user_may_wish_otherwise(self, monkeypatch):
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
        monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
        compat.load_weights_only()
        assert os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] == '0'


def free_port() -> str:
    """Return a port that nobody uses."""
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return str(server.getsockname()[1])


class TestInitProcessGroupWithoutGPU:
    SCRIPT = COMPAT_ALONE + textwrap.dedent("""
        import json
        made = compat.init_process_group_without_gpu(sys.argv[1])
        again = compat.init_process_group_without_gpu(sys.argv[1])
        import torch
        from mmengine.dist import all_reduce, get_backend, get_dist_info
        rank, world_size = get_dist_info()
        total = torch.tensor([rank + 1.0])
        all_reduce(total)
        with open(f'{sys.argv[2]}/{rank}.json', 'w') as file:
            json.dump([made, again, get_backend(), rank, world_size, total.item()], file)
        torch.distributed.destroy_process_group()
    """)

    @pytest.fixture
    def environment(self, tmp_path) -> dict[str, str]:
        """Environment variables without a GPU or a launcher, with Slurm's scontrol."""
        scontrol = tmp_path / 'scontrol'
        scontrol.write_text(
            '#!/bin/sh\n[ "$*" = "show hostnames" ] && printf "127.0.0.1\\n127.0.0.2\\n"\n'
        )
        scontrol.chmod(0o755)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('SLURM_', 'OMPI_', 'MASTER_'))
        }
        path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
        return {**kept, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1', 'PATH': path}

    def check(self, folder: Path):
        for rank in range(2):
            assert json.loads((folder / f'{rank}.json').read_text()) == [
                True, False, 'gloo', rank, 2, 3.0,
            ]  # fmt: skip

    def test_torchrun(self, environment, tmp_path):
        script = tmp_path / 'script.py'
        script.write_text(self.SCRIPT)
        torchrun = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']
        command = [*torchrun, f'--master_port={free_port()}', script, 'pytorch', tmp_path]
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert result.returncode == 0, result.stderr
        self.check(tmp_path)

    @pytest.mark.parametrize(
        ('launcher', 'variables'),
        [
            ('slurm', dict(SLURM_PROCID='{}', SLURM_NTASKS='2', SLURM_LOCALID='{}')),
            (
                'mpi',
                dict(
                    OMPI_COMM_WORLD_RANK='{}',
                    OMPI_COMM_WORLD_SIZE='2',
                    OMPI_COMM_WORLD_LOCAL_RANK='{}',
                    MASTER_ADDR='127.0.0.1',
                ),
            ),
        ],
    )
    def test_other_launchers(self, launcher, variables, environment, tmp_path):
        environment['MASTER_PORT'] = free_port()
        processes = [
            subprocess.Popen(
                [sys.executable, '-c', self.SCRIPT, launcher, str(tmp_path)],
                env={**environment, **{k: v.format(rank) for k, v in variables.items()}},
            )
            for rank in range(2)
        ]
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
        self.check(tmp_path)

    def test_nothing_to_do(self, monkeypatch):
        assert compat.init_process_group_without_gpu('none') is False
        monkeypatch.setattr('mmengine.device.get_device', lambda: 'cuda')
        assert compat.init_process_group_without_gpu('pytorch') is False
        assert not torch.distributed.is_initialized()

    @pytest.mark.parametrize(
        ('launcher', 'variable'),
        [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')],
    )
    def test_not_started_by_the_launcher(self, launcher, variable, monkeypatch):
        monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
        monkeypatch.delenv(variable, raising=False)
        with pytest.raises(UserError, match=f'--launcher {launcher}: .* {variable} is not set'):
            compat.init_process_group_without_gpu(launcher)

    def test_slurm_without_scontrol(self, monkeypatch, tmp_path):
        monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
        for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_PORT'):
            monkeypatch.setenv(name, '0')
        for name in compat.LAUNCHER_VARIABLES['slurm'].values():
            monkeypatch.setenv(name, '0')
        monkeypatch.delenv('MASTER_ADDR', raising=False)
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(UserError, match='set MASTER_ADDR'):
            compat.init_process_group_without_gpu('slurm')


class TestProvideConfigsByName:
    def test_a_name_that_means_nothing_is_told(self, tmp_path):
        (tmp_path / 'own.py').write_text("_base_ = 'masasr_mm::none.py'")
        with pytest.raises(
            UserError, match=r'own.py: there is no .*none.py, which masasr_mm::none'
        ):
            Config.fromfile(tmp_path / 'own.py')

    def test_names_of_other_packages_go_their_way(self, tmp_path, monkeypatch):
        monkeypatch.setattr('mmengine.config.config.is_installed', lambda package: False)
        (tmp_path / 'own.py').write_text("_base_ = 'mmagic::masa/none.py'")
        with pytest.raises(ModuleNotFoundError, match='mmagic is not installed'):
            Config.fromfile(tmp_path / 'own.py')
