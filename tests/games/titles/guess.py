"""Guess: a menu, then a light that comes on after a while; click it in time."""

import random

import pygame

PATIENCE = 1500


def menu(screen):
    while True:
        event = pygame.event.wait()
        if event.type == pygame.QUIT:
            raise SystemExit
        if event.type == pygame.KEYDOWN and event.unicode == "p":
            return
        screen.fill((90, 90, 90))
        pygame.display.flip()


def play(screen):
    lit_at = pygame.time.get_ticks() + random.randrange(100, 900)
    deadline = lit_at + PATIENCE
    while True:
        now = pygame.time.get_ticks()
        lit = now >= lit_at
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                raise SystemExit
            if event.type == pygame.MOUSEBUTTONDOWN:
                return now - lit_at if lit else -1
        if now > deadline:
            return -1
        screen.fill((250, 250, 0) if lit else (0, 0, 0))
        pygame.display.flip()
        pygame.time.delay(20)


if __name__ == "__main__":
    pygame.init()
    window = pygame.display.set_mode((60, 40))
    menu(window)
    reaction = play(window)
    window.fill((0, 255, 0) if reaction >= 0 else (255, 0, 0))
    pygame.display.flip()
    pygame.time.wait(1000)
    pygame.quit()
