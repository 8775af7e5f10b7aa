from pathlib import Path

import numpy as np
import pytest

from visavis.models.training import make_scenes
from visavis.models.training.make_scenes import (
    load_pool,
    load_shard,
    main,
    make_shard,
    save_shard,
    scenes_of,
    shard_path,
)
from visavis.models.training.phrasings import Split


def test_a_shard_is_the_same_every_time_and_differs_from_all_others() -> None:
    assert np.array_equal(make_shard("train", 3, 6).images, make_shard("train", 3, 6).images)
    seeds = [
        scene.seed
        for split, index in (("train", 0), ("train", 1), ("test", 0), ("test", 1))
        for scene in scenes_of("train" if split == "train" else "test", index, 200)
    ]
    assert len(set(seeds)) == len(seeds)


def test_a_shard_survives_the_disk(tmp_path: Path) -> None:
    shard = make_shard("test", 0, 5)
    path = shard_path(tmp_path, "test", 0)
    save_shard(path, shard)
    back = load_shard(path)
    assert np.array_equal(back.images, shard.images)
    assert back.scenes == shard.scenes
    assert [child.name for child in tmp_path.iterdir()] == ["test-0000.npz"]


def test_what_is_there_is_not_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn: list[tuple[str, int]] = []

    def few(split: Split, index: int) -> make_scenes.Shard:
        drawn.append((split, index))
        return make_shard(split, index, 2)

    monkeypatch.setattr(make_scenes, "make_shard", few)
    main(["--folder", str(tmp_path), "--train", "1", "--test", "1"])
    main(["--folder", str(tmp_path), "--train", "2", "--test", "1"])
    assert drawn == [("test", 0), ("train", 0), ("train", 1)]
    assert load_pool("train", tmp_path, shards=2).images.shape == (4, 96, 96, 3)
    capsys.readouterr()


def test_a_missing_shard_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make_scenes"):
        load_shard(tmp_path / "train-0000.npz")
