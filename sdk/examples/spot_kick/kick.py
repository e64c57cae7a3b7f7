"""Spot Kick: ten penalties against a keeper. Arrows choose the run-up, 1 to 5 or a click shoots, Esc quits."""

import math
import random
from pathlib import Path

import pygame

import football
from football import GOAL, KICKS, OVER, SAVED

HERE = Path(__file__).parent
WIDTH, HEIGHT = 960, 600
FPS = 60
GOAL_BOX = pygame.Rect(250, 148, 460, 166)  # between the posts
SPOT_PLACES = ((288, 192), (386, 268), (480, 206), (574, 268), (672, 192))
KEYS = (pygame.K_1, pygame.K_2, pygame.K_3, pygame.K_4, pygame.K_5)
LANE_X = (350, 480, 610)
BALL_X, BALL_Y = 480, 484
RUN_FRAMES = 24
SHOW_FRAMES = 80
SWING_FRAMES = 55  # the power meter goes up in so many frames, and down again
WHITE, INK, SHADE = (255, 255, 255), (18, 26, 34), (12, 38, 20)
GREEN, RED, AMBER, BLUE = (92, 214, 112), (236, 84, 78), (246, 178, 64), (92, 168, 236)
RESULT_COLOURS = (GREEN, RED, AMBER)
SHOUTS = ("GOAL!", "SAVED!", "OVER THE BAR!")


def sketch(width, height, draw):
    """A picture drawn at four times its size and shrunk, so that its edges are smooth."""
    big = pygame.Surface((4 * width, 4 * height), pygame.SRCALPHA)
    draw(big)
    return pygame.transform.smoothscale(big, (width, height))


def draw_player(shirt, shorts, skin, arms_up, gloves, from_behind, stride=0):
    """A person of 72 by 112 pixels."""

    def draw(s):
        hand_y = 30 if arms_up else 236
        for side in (-1, 1):
            knee, foot = 144 + side * 26, 144 + side * (34 if not arms_up else 16)
            lift = 26 * max(0, side * stride)
            pygame.draw.line(s, skin, (144 + side * 22, 290), (knee, 350 - lift), 26)
            pygame.draw.line(s, shirt, (knee, 345 - lift), (foot, 412 - lift), 26)
            pygame.draw.ellipse(s, INK, (foot - 24, 402 - lift, 48, 28))
            hand_x = 144 + side * (56 if arms_up else 96)
            pygame.draw.line(s, shirt, (144 + side * 44, 146), (hand_x, hand_y), 32)
            pygame.draw.circle(s, gloves, (hand_x, hand_y), 24 if gloves != skin else 17)
        pygame.draw.rect(s, shorts, (92, 236, 104, 74), border_radius=22)
        pygame.draw.rect(s, shirt, (86, 116, 116, 144), border_radius=36)
        pygame.draw.circle(s, skin, (144, 74), 42)
        pygame.draw.circle(s, (66, 42, 28), (144, 64), 43, draw_top_left=True, draw_top_right=True)
        if from_behind:
            pygame.draw.circle(s, (66, 42, 28), (144, 72), 38)
            pygame.draw.rect(s, WHITE, (138, 152, 14, 62))
        else:
            for x in (128, 160):
                pygame.draw.circle(s, INK, (x, 82), 5)

    return sketch(72, 112, draw)


def draw_ball(s):
    size = s.get_width()
    middle, radius = size // 2, size // 2 - 2
    pygame.draw.circle(s, (206, 210, 216), (middle, middle), radius)
    pygame.draw.circle(s, WHITE, (middle - size // 20, middle - size // 20), radius - size // 20)
    patch = size // 9
    pygame.draw.circle(s, INK, (middle, middle), patch)
    for turn in range(5):
        angle = math.tau * turn / 5 - math.pi / 2
        end = middle + 0.4 * size * math.cos(angle), middle + 0.4 * size * math.sin(angle)
        pygame.draw.line(s, INK, (middle, middle), end, size // 40)
        pygame.draw.circle(s, INK, end, int(0.7 * patch))


def draw_stadium():
    picture = pygame.Surface((WIDTH, HEIGHT))
    for y in range(250):
        pygame.draw.line(picture, (24 + y // 10, 30 + y // 8, 58 + y // 6), (0, y), (WIDTH, y))
    y, height = 262, 9
    for stripe in range(20):
        pygame.draw.rect(picture, ((54, 142, 62), (62, 154, 68))[stripe % 2], (0, y, WIDTH, height + 1))
        y, height = y + height, int(height * 1.22) + 1
    for x, advert in ((0, "FIZZ COLA"), (240, "ROVER TYRES"), (480, "ALPHA BANK"), (720, "PENNY'S PIES")):
        pygame.draw.rect(picture, ((28, 66, 122), (142, 34, 44))[x // 240 % 2], (x, 222, 240, 40))
        label = small.render(advert, True, (232, 236, 242))
        picture.blit(label, label.get_rect(center=(x + 120, 242)))
    lines = (
        ((0, 314), (WIDTH, 314)),
        ((150, 314), (96, 376)),
        ((810, 314), (864, 376)),
        ((96, 376), (864, 376)),
        ((0, 560), (WIDTH, 560)),
    )
    for start, end in lines:
        pygame.draw.line(picture, (226, 238, 226), start, end, 3)
    pygame.draw.ellipse(picture, (226, 238, 226), (BALL_X - 15, BALL_Y + 10, 30, 9))
    return picture


def draw_goal():
    picture = pygame.Surface((WIDTH, HEIGHT), pygame.SRCALPHA)
    front, back = GOAL_BOX, GOAL_BOX.inflate(-56, -36).move(0, -2)
    mesh = (236, 242, 246, 96)
    pygame.draw.rect(picture, (10, 20, 26, 70), front)
    for step in range(29):
        share = step / 28
        top, bottom = front.left + share * front.width, back.left + share * back.width
        pygame.draw.aaline(picture, mesh, (top, front.top), (bottom, back.top))
        pygame.draw.aaline(picture, mesh, (bottom, back.top), (bottom, back.bottom))
    for step in range(11):
        y, outer = back.top + step / 10 * back.height, front.top + step / 10 * front.height
        pygame.draw.aaline(picture, mesh, (back.left, y), (back.right, y))
        for inner_x, outer_x in ((back.left, front.left), (back.right, front.right)):
            pygame.draw.aaline(picture, mesh, (inner_x, y), (outer_x, outer))
    posts = ((front.bottomleft, front.topleft), (front.bottomright, front.topright), (front.topleft, front.topright))
    for width, colour in ((9, (178, 186, 196)), (6, WHITE)):
        for start, end in posts:
            pygame.draw.line(picture, colour, start, end, width)
            pygame.draw.circle(picture, colour, end, width // 2)
    return picture


def draw_crowd(rows):
    picture = pygame.Surface((WIDTH, 230), pygame.SRCALPHA)
    for row in rows:
        for x in range(-8 + row % 2 * 7, WIDTH, 14):
            place = x + random.randrange(-2, 3), 92 + row * 13 + random.randrange(-2, 3)
            shirt = random.choice(((214, 66, 62), (240, 240, 236), (66, 112, 196), (238, 196, 74), (70, 78, 96)))
            pygame.draw.ellipse(picture, shirt, (place[0] - 6, place[1] + 3, 13, 15))
            pygame.draw.circle(picture, random.choice(((238, 200, 168), (176, 122, 84), (112, 74, 52))), place, 4)
    return picture


class Keeper(pygame.sprite.Sprite):
    def __init__(self):
        super().__init__()
        look = {"shirt": (250, 206, 52), "shorts": INK, "skin": (234, 190, 156), "gloves": (244, 120, 60)}
        self.standing = draw_player(**look, arms_up=False, from_behind=False)
        reaching = draw_player(**look, arms_up=True, from_behind=False)
        self.dives = [pygame.transform.rotozoom(reaching, angle, 1) for angle in (62, 74, 0, -74, -62)]
        self.stand()

    def stand(self):
        self.dive, self.age = None, 0
        self.image, self.rect = self.standing, self.standing.get_rect(midbottom=(480, 318))

    def leap(self, spot):
        self.dive, self.age = spot, 0

    def update(self):
        self.age += 1
        if self.dive is None:
            self.rect.midbottom = 480 + round(7 * math.sin(self.age / 14)), 318
            return
        share = min(self.age / 20, 1)
        ease = share * (2 - share)
        self.image = self.dives[self.dive]
        x, y = SPOT_PLACES[self.dive]
        reach = 40 if self.dive < 2 else -40 if self.dive > 2 else 0  # from the gloves to the middle
        drop = max(0, self.age - 34) * 2
        ground = 292 if self.dive != 2 else 264
        y = min(264 + ((y + (36 if self.dive == 2 else 14)) - 264) * ease + drop, ground)
        self.rect = self.image.get_rect(center=(480 + (x + reach - 480) * ease, y))


class Kicker(pygame.sprite.Sprite):
    def __init__(self):
        super().__init__()
        look = {"shirt": (206, 50, 58), "shorts": WHITE, "skin": (226, 178, 142), "gloves": (226, 178, 142)}
        steps = [draw_player(**look, arms_up=False, from_behind=True, stride=stride) for stride in (0, -1, 1)]
        self.steps = [pygame.transform.rotozoom(step, 0, 1.25) for step in steps]
        self.x, self.y, self.age = LANE_X[1], 596, 0
        self.update()

    def update(self):
        self.age += 1
        if state == "run":
            share = frame / RUN_FRAMES
            self.x, self.y = LANE_X[lane] + (BALL_X - 34 - LANE_X[lane]) * share, 596 - 78 * share
            self.image = self.steps[1 + frame // 6 % 2]
        elif state in ("aim", "title"):
            self.x, self.y = self.x + (LANE_X[lane] - self.x) * 0.25, 596
            self.image = self.steps[1 + self.age // 5 % 2 if abs(self.x - LANE_X[lane]) > 4 else 0]
        else:
            self.image = self.steps[0]
        self.rect = self.image.get_rect(midbottom=(self.x, self.y))


class Ball(pygame.sprite.Sprite):
    def __init__(self):
        super().__init__()
        self.sizes = [sketch(size, size, draw_ball) for size in range(16, 35)]
        self.place()

    def place(self):
        self.x, self.y, self.ground, self.size, self.speed = BALL_X, BALL_Y, BALL_Y + 14, 34, (0, 0)
        self.show()

    def show(self):
        self.image = self.sizes[max(0, min(round(self.size) - 16, len(self.sizes) - 1))]
        self.rect = self.image.get_rect(center=(self.x, self.y))

    def fly(self, share):
        x, y = SPOT_PLACES[spot]
        y = 62 if result == OVER else y
        self.x, self.y = BALL_X + (x - BALL_X) * share, BALL_Y + (y - BALL_Y) * share - 46 * math.sin(math.pi * share)
        self.ground, self.size = BALL_Y + 14 + (316 - BALL_Y - 14) * share, 34 - 16 * share
        away = 1 if spot > 2 or (spot == 2 and dive < 2) else -1
        self.speed = {GOAL: (0, 0.5), SAVED: (3 * away, -2), OVER: (0, -1)}[result]
        self.show()

    def roll(self):
        """What follows: it drops in the net, comes off the gloves, or is lost in the crowd."""
        dx, dy = self.speed
        self.x, self.y = self.x + dx, min(self.y + dy, self.ground - 8)
        self.ground += 0.6 if result == SAVED else 0
        self.speed = (dx * 0.98, dy + 0.35) if result != OVER else (0, dy * 0.9)
        self.size = max(self.size - 0.1, 16)
        self.show()


def write(font, text, colour, **place):
    """Text with a soft shadow, at a place such as center=(x, y)."""
    shadow = font.render(text, True, INK)
    rect = shadow.get_rect(**place)
    screen.blit(shadow, rect.move(2, 2))
    screen.blit(font.render(text, True, colour), rect)


def panel(rect):
    sheet = pygame.Surface(rect.size, pygame.SRCALPHA)
    pygame.draw.rect(sheet, (12, 20, 30, 232), sheet.get_rect(), border_radius=16)
    screen.blit(sheet, rect)


def draw_board():
    goals = sum(result == GOAL for _, _, result in shots)
    panel(pygame.Rect(290, 12, 380, 72))
    write(middling, player.upper(), WHITE, midright=(432, 36))
    write(middling, f"{goals} : {len(shots) - goals}", AMBER, center=(480, 36))
    write(middling, "KEEPER", WHITE, midleft=(528, 36))
    for kick in range(KICKS):
        place = 480 + (kick - (KICKS - 1) / 2) * 26, 66
        colour = RESULT_COLOURS[shots[kick][2]] if kick < len(shots) else (84, 94, 106)
        pygame.draw.circle(screen, colour, place, 8)
        pygame.draw.circle(screen, INK, place, 8, 1)


def draw_meter():
    bar = pygame.Rect(884, 330, 30, 220)
    panel(bar.inflate(36, 60))
    for low, high, colour in ((0, football.HARD, BLUE), (football.HARD, football.WILD, GREEN), (football.WILD, 1, RED)):
        pygame.draw.rect(screen, colour, (bar.x, bar.bottom - high * bar.height, bar.width, (high - low) * bar.height))
    y = bar.bottom - power * bar.height
    pygame.draw.polygon(screen, WHITE, ((bar.x - 2, y), (bar.x - 14, y - 8), (bar.x - 14, y + 8)))
    pygame.draw.line(screen, WHITE, (bar.x, y), (bar.right, y), 3)
    write(small, "POWER", WHITE, midtop=(bar.centerx, bar.bottom + 8))


def draw_marks():
    """The five spots, the one under the mouse lit up."""
    under = spot_at(pygame.mouse.get_pos())
    for number, place in enumerate(SPOT_PLACES):
        pygame.draw.circle(screen, AMBER if number == under else WHITE, place, 15, 2)
        write(small, str(number + 1), AMBER if number == under else WHITE, center=place)


def draw_screen():
    screen.blit(stadium, (0, 0))
    cheering = (state == "show" and result == GOAL) or (state == "over" and 2 * num_goals > KICKS)
    jump = 6 if cheering else 0
    for number, crowd in enumerate(crowds):
        screen.blit(crowd, (0, -abs(jump * math.sin(frame / 5 + number * 1.6))))
    screen.blit(boards, (0, 222))
    screen.blit(goal_picture, (0, 0))
    pygame.draw.ellipse(shade, (0, 0, 0, 70), shade.get_rect())
    screen.blit(pygame.transform.smoothscale(shade, (70, 14)), (keeper.rect.centerx - 35, 308))
    screen.blit(pygame.transform.smoothscale(shade, (84, 18)), (kicker.rect.centerx - 42, kicker.rect.bottom - 16))
    if not (result == OVER and state in ("fly", "show")):
        shadow = pygame.transform.smoothscale(shade, (round(ball.size) + 6, 10))
        screen.blit(shadow, shadow.get_rect(midtop=(ball.x, ball.ground)))
    actors.draw(screen)
    if state == "title":
        panel(pygame.Rect(230, 330, 500, 212))
        write(huge, "SPOT KICK", AMBER, center=(480, 52))
        write(middling, "Who is shooting?", WHITE, center=(480, 366))
        write(big, player + ("_" if frame // 30 % 2 else " "), AMBER, center=(480, 412))
        write(small, "type your name and press Enter", WHITE, center=(480, 454))
        write(small, "soft shots are easy to reach, too hard ones go over", WHITE, center=(480, 484))
        write(small, f"more than {KICKS // 2} goals of {KICKS} win the match", WHITE, center=(480, 512))
        return
    draw_board()
    draw_meter()
    if state == "aim":
        draw_marks()
        if shots:
            last = f"last: {football.SPOTS[shots[-1][0]]} at {100 * shots[-1][1]:.0f} %"
            write(small, last, WHITE, midleft=(24, 548))
        write(small, "Left, Right: run-up    1-5 or click: shoot    Esc: quit", WHITE, midleft=(24, 576))
    elif state == "show":
        write(huge, SHOUTS[result], RESULT_COLOURS[result], center=(480, 352))
    elif state == "over":
        panel(pygame.Rect(250, 350, 460, 190))
        verdict = "YOU WIN" if 2 * num_goals > KICKS else "A DRAW" if 2 * num_goals == KICKS else "THE KEEPER WINS"
        write(big, f"{verdict}  {num_goals} : {KICKS - num_goals}", AMBER, center=(480, 396))
        write(middling, f"your best: {best} goals", WHITE, center=(480, 448))
        write(small, "Enter: another match    Esc: quit", WHITE, center=(480, 502))


def spot_at(place):
    """The spot under a point of the goal, or None."""
    if not GOAL_BOX.collidepoint(place):
        return None
    return min(range(football.NUM_SPOTS), key=lambda number: math.dist(place, SPOT_PLACES[number]))


pygame.init()
pygame.display.set_caption("Spot Kick")
screen = pygame.display.set_mode((WIDTH, HEIGHT))
clock = pygame.time.Clock()
small, middling, big, huge = (pygame.font.Font(None, size) for size in (25, 36, 52, 96))
stadium, goal_picture = draw_stadium().convert(), draw_goal().convert_alpha()
boards = stadium.subsurface((0, 222, WIDTH, 40)).copy()
crowds = [draw_crowd(range(first, 10, 2)).convert_alpha() for first in (0, 1)]
shade = pygame.Surface((96, 24), pygame.SRCALPHA)

state = "title"  # then aim, run, fly, show and again aim; over after the last kick
frame = 0  # since the state began
player, best = "", 0
lane, spot, dive, power, result = 1, 2, 2, 0.0, GOAL
shots = []  # of this match: spot, power, result
num_goals = 0
keeper, kicker, ball = Keeper(), Kicker(), Ball()
actors = pygame.sprite.Group(keeper, ball, kicker)

running = True
while running:
    target = None
    for event in pygame.event.get():
        if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE):
            running = False
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            target = spot_at(event.pos)
        elif event.type == pygame.KEYDOWN and event.key == pygame.K_RETURN:
            if state == "title" and player:
                record = HERE / f"{player}.best"
                best = int(record.read_text()) if record.exists() else 0
                state, frame = "aim", 0
            elif state == "over":
                state, frame, shots, lane = "aim", 0, [], 1
        elif event.type == pygame.KEYDOWN and state == "title":
            if event.key == pygame.K_BACKSPACE:
                player = player[:-1]
            elif event.unicode.isalnum() and len(player) < 8:
                player += event.unicode
        elif event.type == pygame.KEYDOWN and state == "aim":
            if event.key in KEYS:
                target = KEYS.index(event.key)
            elif event.key in (pygame.K_LEFT, pygame.K_RIGHT):
                lane = min(max(lane + (1 if event.key == pygame.K_RIGHT else -1), 0), football.NUM_LANES - 1)

    frame += 1
    if state == "aim":
        power = 1 - abs(1 - frame % (2 * SWING_FRAMES) / SWING_FRAMES)
        if target is not None:
            spot = target
            dive = random.randrange(football.NUM_SPOTS)
            result = football.result_of(spot, power, dive)
            state, frame = "run", 0
    elif state == "run" and frame == RUN_FRAMES:
        keeper.leap(dive)
        state, frame = "fly", 0
    elif state == "fly":
        num_frames = 40 - 24 * power
        ball.fly(min(frame / num_frames, 1))
        if frame >= num_frames:
            shots.append((spot, power, result))
            num_goals = sum(result == GOAL for _, _, result in shots)
            state, frame = "show", 0
    elif state == "show":
        ball.roll()
        if frame == SHOW_FRAMES:
            keeper.stand()
            ball.place()
            state, frame, lane = "aim", 0, 1
            if len(shots) == KICKS:
                state, best = "over", max(best, num_goals)
                record.write_text(str(best))
    actors.update()
    draw_screen()
    pygame.display.flip()
    clock.tick(FPS)

pygame.quit()
