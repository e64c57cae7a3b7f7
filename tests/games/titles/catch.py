"""Catch: stones fall, a basket catches them; three misses and it is over. Space plays again."""

import random
import sys

import pygame
from pygame.locals import *

WIDTH, HEIGHT = 200, 160
GRAVITY = 0.25
BASKET_SPEED = 4
LIVES = 3
FPS = 60

pygame.init()
pygame.mixer.init()
screen = pygame.display.set_mode((WIDTH, HEIGHT))
pygame.display.set_caption("Catch")
clock = pygame.time.Clock()
font = pygame.font.Font(None, 20)
plop = pygame.mixer.Sound(buffer=bytes(1000))
all_sprites = pygame.sprite.Group()


class Basket(pygame.sprite.Sprite):
    def __init__(self):
        super().__init__(all_sprites)
        self.image = pygame.Surface((30, 8))
        self.image.fill((200, 120, 40))
        self.rect = self.image.get_rect(midbottom=(WIDTH // 2, HEIGHT))

    def update(self):
        keys = pygame.key.get_pressed()
        if keys[K_LEFT]:
            self.rect.x -= BASKET_SPEED
        if keys[K_RIGHT]:
            self.rect.x += BASKET_SPEED
        self.rect.clamp_ip(screen.get_rect())


class Stone(pygame.sprite.Sprite):
    def __init__(self):
        super().__init__(all_sprites)
        self.image = pygame.Surface((8, 8))
        self.rect = self.image.get_rect()
        self.drop()

    def drop(self):
        self.rect.centerx = random.randint(10, WIDTH - 10)
        self.y = 0.0
        self.speed = 0.0

    def update(self):
        global score, lives
        self.speed += GRAVITY
        self.y += self.speed
        self.rect.y = int(self.y)
        if self.rect.colliderect(basket.rect):
            score += 1
            plop.play()
            self.drop()
        elif self.y > HEIGHT:
            lives -= 1
            self.drop()


def new_game():
    global score, lives, game_over, basket, stone
    all_sprites.empty()
    basket = Basket()
    stone = Stone()
    score = 0
    lives = LIVES
    game_over = False


new_game()
while True:
    for event in pygame.event.get():
        if event.type == QUIT:
            pygame.quit()
            sys.exit()
        if event.type == KEYDOWN and event.key == K_ESCAPE:
            pygame.quit()
            sys.exit()
        if event.type == KEYDOWN and event.key == K_SPACE and game_over:
            new_game()
    if not game_over:
        all_sprites.update()
        game_over = lives == 0
    screen.fill((20, 30, 60))
    all_sprites.draw(screen)
    screen.blit(font.render("score %d" % score, True, (255, 255, 255)), (5, 5))
    pygame.display.update()
    clock.tick(FPS)
