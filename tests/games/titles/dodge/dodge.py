"""Dodge: rocks come down a road, a timer brings them, and nothing but a crash ends it."""

import math
import time

import numpy as np
import pygame as pg
from settings import *

SPAWN = pg.USEREVENT + 1


class Rock:
    def __init__(self):
        self.x = float(np.random.uniform(0, WIDTH))
        self.y = -10.0
        self.rect = pg.Rect(int(self.x), int(self.y), 10, 10)

    def update(self, dt):
        self.y += 80 * dt
        self.x += math.sin(self.y / 10)
        self.rect.topleft = (int(self.x), int(self.y))


class Game:
    start_x = 60

    def __init__(self):
        pg.init()
        self.screen = pg.display.set_mode((WIDTH, HEIGHT))
        self.clock = pg.time.Clock()
        self.rocks = []
        self.car = pg.Rect(self.start_x, 105, 12, 12)
        self.shift = 5
        self.running = True
        self.began = time.time()
        pg.time.set_timer(SPAWN, SPAWN_MS)

    def events(self):
        for event in pg.event.get():
            if event.type == pg.QUIT:
                self.running = False
            elif event.type == SPAWN:
                self.rocks.append(Rock())
            elif event.type == pg.MOUSEBUTTONDOWN:
                self.car.centerx = event.pos[0]
            elif event.type == pg.KEYDOWN and event.key == pg.K_SPACE:
                self.car.x += self.shift
        keys = pg.key.get_pressed()
        self.car.x += (keys[pg.K_d] - keys[pg.K_a]) * CAR_SPEED

    def draw(self):
        self.screen.fill("black")
        pg.draw.rect(self.screen, "green", self.car)
        pg.display.update(self.car)
        for rock in self.rocks:
            pg.draw.rect(self.screen, "red", rock.rect)
            pg.display.update(rock.rect)

    def run(self):
        while self.running:
            dt = self.clock.tick(50) / 1000
            self.events()
            for rock in self.rocks:
                rock.update(dt)
                if rock.rect.colliderect(self.car):
                    self.running = False
            self.draw()
        pg.quit()


def main():
    game = Game()
    game.run()
    return game.began
